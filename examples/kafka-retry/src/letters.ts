/** Whoever looks at dead letters: says so over IPC, and goes on with the trace of the order. */
import { trace } from '@opentelemetry/api';
import { traceConsumer } from '@throughline/kafkajs';
import { startService, topics } from './service.ts';

const { kafka, stop } = await startService('letters');
const consumer = traceConsumer(kafka.consumer({ groupId: topics.dead, maxWaitTimeInMs: 50 }), { agent: 'letters' });
await consumer.connect();
await consumer.subscribe({ topics: [topics.dead], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    const reason = message.headers?.['reason']?.toString() ?? '';
    trace.getTracer('letters').startActiveSpan('look into it', { attributes: { reason } }, (span) => span.end());
    process.send?.('a letter');
  },
});
process.once('message', () => void stop(consumer));
