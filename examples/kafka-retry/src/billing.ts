/** The service that bills: what fails goes to the retry topic, and after three attempts to the dead letters. */
import { trace } from '@opentelemetry/api';
import { forwardHeaders, traceConsumer } from '@throughline/kafkajs';
import type { KafkaMessage } from 'kafkajs';
import { startService, topics } from './service.ts';
import { ATTEMPTS, attemptOf, retryHeaders } from './topics.ts';

const { kafka, producer, stop } = await startService('billing');
const consumer = traceConsumer(kafka.consumer({ groupId: topics.work, maxWaitTimeInMs: 50 }), { agent: 'billing' });
await consumer.connect();
await consumer.subscribe({ topics: [topics.work], fromBeginning: true });

await consumer.run({
  eachMessage: async ({ message }) => {
    try {
      bill(message);
    } catch (error) {
      await putAside(message, error);
    }
  },
});
process.once('message', () => void stop(consumer));

// #region readme
async function putAside(message: KafkaMessage, error: unknown): Promise<void> {
  const { key, value } = message;
  const attempt = attemptOf(message);
  const [topic, more] =
    attempt < ATTEMPTS ? [topics.retry, retryHeaders(attempt)] : [topics.dead, { reason: String(error) }];
  await producer.send({ topic, messages: [{ key, value, headers: { ...forwardHeaders(message), ...more } }] });
}
// #endregion

/** A lamp can be billed at the third attempt, a ghost never. */
function bill(message: KafkaMessage): void {
  const order = message.value?.toString() ?? '';
  const attempt = attemptOf(message);
  trace.getTracer('billing').startActiveSpan('bill', { attributes: { order, attempt } }, (span) => {
    span.end();
    if (order === 'a ghost' || (order === 'a lamp' && attempt < 3)) throw new Error(`${order} cannot be billed`);
  });
}
