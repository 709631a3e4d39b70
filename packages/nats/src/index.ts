export { runWith } from './arrival.ts';
export { extractContext, injectHeaders } from './carrier.ts';
export { traceNats, type ConnectionLike } from './connection.ts';
export { traceJetStream, type JetStreamLike } from './jetstream.ts';
export type { HeadersLike, JetStreamMessageLike, MessageLike } from './message.ts';
export type { InjectOptions, JetStreamOptions, NatsOptions } from './options.ts';
