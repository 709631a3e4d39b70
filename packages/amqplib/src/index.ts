export { extractContext, forwardHeaders, injectHeaders, type MessageHeaders } from './carrier.ts';
export { traceChannel, type ChannelLike, type TracedChannel } from './channel.ts';
export { traceConnection, type ConnectionLike, type TracedConnection } from './connection.ts';
export { runWith, tracedConsumer } from './consumer.ts';
export type { MessageLike } from './message.ts';
export type { ChannelOptions, ConsumerOptions, InjectOptions, RefusedPayload } from './options.ts';
export type { SendExtras } from './sending.ts';
