export { extractContext, forwardHeaders, injectHeaders, type InjectOptions } from './carrier.ts';
export { traceConsumer, type ConsumerLike, type TracedConsumer } from './consumer.ts';
export type { MessageLike } from './message.ts';
export { tracedMessage, type TracedStream } from './messages-stream.ts';
export type { ConsumerOptions, ProducerOptions } from './options.ts';
export { traceProducer, type ProducerLike, type SenderLike, type SendExtras, type TracedProducer } from './producer.ts';
