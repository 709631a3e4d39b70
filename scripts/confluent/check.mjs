// Run by ../check-confluent.ts, in a folder where our packed packages and @confluentinc/kafka-javascript are installed.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { forwardHeaders, traceConsumer, traceProducer } from '@throughline/kafkajs';

const { KafkaJS } = createRequire(import.meta.url)('@confluentinc/kafka-javascript');
const brokers = [process.argv[2]];
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(provider);

const topic = `confluent-${process.pid}`;
const kafka = new KafkaJS.Kafka({ kafkaJS: { brokers, logLevel: KafkaJS.logLevel.NOTHING } });
const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic }, { topic: `${topic}-batch` }, { topic: `${topic}-tx` }] });
await admin.disconnect();

const frozen = (value) => {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  for (const one of Object.values(value)) frozen(one);
  return Object.freeze(value);
};
const inSpan = (name, fn) =>
  trace.getTracer('check').startActiveSpan(name, (span) => Promise.resolve(fn()).finally(() => span.end()));
const spans = (name) => exporter.getFinishedSpans().filter((span) => span.name === name);

const bare = kafka.producer();
const producer = traceProducer(bare, { clientId: 'check' });
assert.ok(producer instanceof bare.constructor);
await producer.connect();

// A frozen record: the client writes into what it is given, and gets our copy.
const baggage = propagation.createBaggage({ tenant: { value: 'a' } });
await context.with(propagation.setBaggage(context.active(), baggage), () =>
  inSpan('order', () =>
    producer.send(
      frozen({ topic, messages: [{ key: 'k', value: 'v', headers: { mine: '1', TraceParent: 'stale' } }] }),
    ),
  ),
);
await inSpan('batch', () =>
  producer.sendBatch(
    frozen({ topicMessages: [{ topic: `${topic}-batch`, messages: [{ value: 'a' }, { value: 'b' }] }] }),
  ),
);

async function consume(options, config, from) {
  const consumer = traceConsumer(
    kafka.consumer({ kafkaJS: { groupId: `${from}-group`, fromBeginning: true } }),
    options,
  );
  await consumer.connect();
  await consumer.subscribe({ topic: from });
  await new Promise((resolve) => void consumer.run(config(resolve)));
  await consumer.disconnect();
}

let seen;
await consume(
  { groupId: 'check' },
  (done) => ({
    eachMessage: async ({ message }) => {
      seen = {
        tenant: propagation.getActiveBaggage()?.getEntry('tenant')?.value,
        headers: Object.keys(message.headers).sort(),
        forwarded: Object.keys(forwardHeaders(message)).sort(),
      };
      setImmediate(done);
    },
  }),
  topic,
);
assert.deepEqual(seen, {
  tenant: 'a',
  headers: ['baggage', 'mine', 'traceparent'],
  forwarded: ['baggage', 'mine', 'traceparent'],
});
const [send] = spans(`send ${topic}`);
const [processed] = spans(`process ${topic}`);
assert.equal(processed.spanContext().traceId, spans('order')[0].spanContext().traceId);
assert.equal((processed.parentSpanContext ?? {}).spanId, send.spanContext().spanId);
assert.equal(processed.attributes['messaging.kafka.message.key'], 'k');

const traces = [];
await consume(
  {},
  (done) => ({
    eachBatch: async ({ batch, runWith }) => {
      for (const message of batch.messages)
        runWith(message, () => traces.push(trace.getActiveSpan().spanContext().traceId));
      if (traces.length === 2) setImmediate(done);
    },
  }),
  `${topic}-batch`,
);
assert.deepEqual(new Set(traces), new Set([spans('batch')[0].spanContext().traceId]));

const transactional = traceProducer(kafka.producer({ kafkaJS: { transactionalId: topic, idempotent: true } }));
await transactional.connect();
const transaction = await transactional.transaction();
await inSpan('tx', () => transaction.send({ topic: `${topic}-tx`, messages: [{ value: 'v' }] }));
await transaction.commit();
await transactional.disconnect();
assert.equal(spans(`send ${topic}-tx`).length, 1);

await producer.disconnect();
console.log('confluent: frozen sends, eachMessage, eachBatch with runWith, and a transaction are traced');
process.exit(0);
