/** A service that has OpenTelemetry's kafkajs instrumentation as well: sends a message in several ways, and prints what came of it. */
import { createRequire } from 'node:module';
import { context, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type * as Kafkajs from 'kafkajs';
import { traceProducer } from '../src/index.ts';
import type { ProducerOptions } from '../src/index.ts';

const [brokers = '', topic = ''] = process.argv.slice(2);
const telemetry = startTelemetry();

// The benchmarks depend on the instrumentation; this package does not. Its hook patches what is required after it.
const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
const { KafkaJsInstrumentation } = require('@opentelemetry/instrumentation-kafkajs') as {
  KafkaJsInstrumentation: new () => { enable(): void };
};
const instrumentation = new KafkaJsInstrumentation();
instrumentation.enable();
const { Kafka, logLevel } = require('kafkajs') as typeof Kafkajs;

const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
const producer = kafka.producer();
await producer.connect();
const headers = { mine: '1' };
const message = { value: 'traced', headers };
const record = { topic, messages: [message] };
const scopes = async (send: () => Promise<unknown>): Promise<string[]> => {
  await telemetry.reset();
  await send();
  return telemetry.spans().map((span) => `${span.instrumentationScope.name}: ${span.name}`);
};
const inWork = (wrapped: Pick<Kafkajs.Producer, 'send' | 'sendBatch'>, options?: ProducerOptions): Promise<string[]> =>
  scopes(async () => {
    const work = trace.getTracer('test').startSpan('work');
    await context.with(trace.setSpan(context.active(), work), () => traceProducer(wrapped, options).send(record));
    work.end();
  });
const traced = await inWork(producer);
// A function around the one that was patched does not show that it was.
const hidden = { send: (given: Kafkajs.ProducerRecord) => producer.send(given), sendBatch: producer.sendBatch };
const around = await inWork(hidden, { suppressInner: true });
const doubled = await inWork(hidden);
// Proof that the instrumentation is there.
const instrumented = await scopes(() => producer.send({ topic, messages: [{ value: 'instrumented' }] }));
const transactional = kafka.producer({
  transactionalId: `beside-${process.pid}`,
  idempotent: true,
  maxInFlightRequests: 1,
});
await transactional.connect();
const inTransaction = await scopes(async () => {
  const transaction = await traceProducer(transactional).transaction();
  await transaction.send(record);
  await transaction.sendBatch({ topicMessages: [record] });
  await transaction.commit();
});
await transactional.disconnect();
await producer.disconnect();
await telemetry.shutdown();
process.stdout.write(JSON.stringify({ traced, around, doubled, instrumented, inTransaction, headers }));
