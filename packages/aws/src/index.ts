export type { MessageAttribute, MessageAttributes } from './attributes.ts';
export { extractContext, forwardAttributes, injectAttributes } from './carrier.ts';
export { traceAws, type ClientLike } from './client.ts';
export { runWith, tracedBatchHandler, tracedMessageHandler } from './handlers.ts';
export type { MessageLike } from './message.ts';
export type { AwsOptions, HandlerOptions, InjectOptions } from './options.ts';
