/** The service that bills what was ordered. */
import { trace } from '@opentelemetry/api';
import { traceConsumer } from '@throughline/kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import { startTelemetry } from './telemetry.ts';

const [brokers = '', topic = '', count = ''] = process.argv.slice(2);
const telemetry = startTelemetry('billing');
const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
const consumer = traceConsumer(kafka.consumer({ groupId: `billing-${topic}`, maxWaitTimeInMs: 50 }));

await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
let left = Number(count);
const done = new Promise<void>((resolve) => {
  void consumer.run({
    eachMessage: async ({ message }) => {
      const value = message.value?.toString() ?? '';
      trace.getTracer('billing').startActiveSpan('bill', { attributes: { order: value } }, (span) => span.end());
      if (--left === 0) setImmediate(resolve);
    },
  });
});
await done;
await consumer.disconnect();
await telemetry.shutdown();
