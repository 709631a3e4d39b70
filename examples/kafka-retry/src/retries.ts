/** Gives messages of the retry topic back when their time has come. Nothing waits in a handler: the partition is paused. */
import { forwardHeaders, traceConsumer } from '@throughline/kafkajs';
import { startService, topics } from './service.ts';
import { notBefore } from './topics.ts';

const { kafka, producer, stop } = await startService('retries');
const consumer = traceConsumer(kafka.consumer({ groupId: topics.retry, maxWaitTimeInMs: 50 }), { agent: 'retries' });
await consumer.connect();
await consumer.subscribe({ topics: [topics.retry], fromBeginning: true });

// #region readme
await consumer.run({
  eachBatchAutoResolve: false,
  eachBatch: async ({ batch, runWith, resolveOffset, heartbeat, pause }) => {
    for (const message of batch.messages) {
      const early = notBefore(message) - Date.now();
      if (early > 0) {
        // Not resolved, so it comes again once the partition resumes.
        setTimeout(pause(), early);
        return;
      }
      const { key, value } = message;
      const messages = [{ key, value, headers: forwardHeaders(message) }];
      await runWith(message, () => producer.send({ topic: topics.work, messages }));
      resolveOffset(message.offset);
      await heartbeat();
    }
  },
});
// #endregion

process.once('message', () => void stop(consumer));
