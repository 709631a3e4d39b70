export { traceA2aClient, type A2aClientLike } from './client.ts';
export { traceExecutor, type ExecutorLike } from './executor.ts';
export type { A2aClientOptions } from './options.ts';
export { tracePushSender, type PushSenderLike } from './push-sender.ts';
