export type { MessageAttribute, MessageAttributes } from './attributes.ts';
export { extractContext, forwardAttributes, injectAttributes } from './carrier.ts';
export { traceAws, type ClientLike } from './client.ts';
export { runWith, tracedBatchHandler, tracedMessageHandler } from './handlers.ts';
export { traceLambda, type LambdaHandler } from './lambda/trace-lambda.ts';
export type { LambdaOptions, LambdaRecord } from './lambda/options.ts';
export type { MessageLike } from './message.ts';
export type { AwsOptions, HandlerOptions, InjectOptions } from './options.ts';
