export { extractContext, forwardHeaders, injectHeaders } from './carrier.ts';
export { traceConsumer, type ConsumerLike, type TracedConsumer } from './consumer.ts';
export { tracedEachBatch, type EachBatchPayloadLike, type RunWith, type TracedEachBatchPayload } from './each-batch.ts';
export { tracedEachMessage, type EachMessagePayloadLike } from './each-message.ts';
export type { MessageHeaders, MessageLike } from './message.ts';
export type { ConsumerOptions, InjectOptions, ProducerOptions, RefusedPayload } from './options.ts';
export { traceProducer, type ProducerLike, type SenderLike, type SendExtras, type TracedProducer } from './producer.ts';
