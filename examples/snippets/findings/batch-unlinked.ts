import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { SpanKind } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { register } from '@throughline/core';
import { startKafka } from '@throughline/servers';
import { tracedEachBatch, traceProducer } from '@throughline/kafkajs';
import type { TracedEachBatchPayload } from '@throughline/kafkajs';
import { checkChains, fromReadableSpans } from '@throughline/verify';
import { Kafka, logLevel } from 'kafkajs';
import type { EachBatchPayload, KafkaMessage } from 'kafkajs';

const exporter = new InMemorySpanExporter();
const sdkOf = (service: string): TracerProvider =>
  new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
register();
const tracerProvider = sdkOf('analyst');
const broker = await startKafka();
const kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });
const producer = traceProducer(kafka.producer(), { tracerProvider: sdkOf('gateway') });
await producer.connect();
const analyse = async (_message: KafkaMessage): Promise<void> => {};

/** One span for the batch, by hand. */
const unlinked = async ({ batch }: EachBatchPayload): Promise<void> => {
  const attributes = {
    'messaging.system': 'kafka',
    'messaging.destination.name': batch.topic,
    'messaging.batch.message_count': batch.messages.length,
  };
  const span = tracerProvider.getTracer('analyst').startSpan('process', { kind: SpanKind.CONSUMER, attributes });
  await Promise.all(batch.messages.map(analyse));
  span.end();
};

// #region batch
const analyseAll = async ({ batch, runWith }: TracedEachBatchPayload<EachBatchPayload>): Promise<void> => {
  await Promise.all(batch.messages.map((message) => runWith(message, () => analyse(message))));
};
const eachBatch = tracedEachBatch(analyseAll, { tracerProvider });
// #endregion

/** Sends three messages, has them handled as one batch, and returns what the checker says. */
async function judge(topic: string, handler: (payload: EachBatchPayload) => Promise<void>): Promise<string[]> {
  exporter.reset();
  await producer.send({ topic, messages: ['a', 'b', 'c'].map((value) => ({ value })) });
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachBatch: handler });
  while (!exporter.getFinishedSpans().some(({ kind }) => kind === SpanKind.CONSUMER)) await wait(20);
  await consumer.disconnect();
  return checkChains(fromReadableSpans(exporter.getFinishedSpans())).findings.map(({ code }) => code);
}

assert.deepEqual(await judge('unlinked', unlinked), ['batch-unlinked']);
assert.deepEqual(await judge('linked', eachBatch), []);
await producer.disconnect();
await broker.stop();
console.log('a batch links whoever sent its messages');
