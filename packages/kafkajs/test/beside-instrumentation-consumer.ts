/** A service that has OpenTelemetry's kafkajs instrumentation as well: handles messages in several ways, and prints what came of it. */
import { createRequire } from 'node:module';
import { diag, DiagLogLevel } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type * as Kafkajs from 'kafkajs';
import { traceConsumer, tracedEachBatch, tracedEachMessage } from '../src/index.ts';

const [brokers = '', topic = '', order = ''] = process.argv.slice(2);
const telemetry = startTelemetry();
const warnings: string[] = [];
const ignore = (): void => {};
diag.setLogger(
  { warn: (message) => void warnings.push(message), error: ignore, info: ignore, debug: ignore, verbose: ignore },
  DiagLogLevel.WARN,
);

// The benchmarks depend on the instrumentation; this package does not. Its hook patches what is required after it.
const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
const { KafkaJsInstrumentation } = require('@opentelemetry/instrumentation-kafkajs') as {
  KafkaJsInstrumentation: new () => { enable(): void; disable(): void };
};
const instrumentation = new KafkaJsInstrumentation();
instrumentation.enable();
const { Kafka, logLevel } = require('kafkajs') as typeof Kafkajs;
const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
let groups = 0;
const newConsumer = (): Kafkajs.Consumer =>
  kafka.consumer({ groupId: `beside-${process.pid}-${groups++}`, maxWaitTimeInMs: 50 });

if (order === 'wrapped first') instrumentation.disable();
const one = traceConsumer(newConsumer());
const other = traceConsumer(newConsumer());
instrumentation.enable();

type Run = Kafkajs.ConsumerRunConfig;
type Handler = () => Promise<void>;
const eachMessage = (handler: Handler): Run => ({ eachMessage: handler });
const eachBatch = (handler: Handler): Run => ({ eachBatch: handler });

/** Handles the one message of the topic; returns the spans of it, and what was said. */
async function handled(consumer: Kafkajs.Consumer, config: (handler: Handler) => Run): Promise<Handled> {
  await telemetry.reset();
  warnings.length = 0;
  // Each of these stands for a process of its own: a cause is told once in one.
  delete (globalThis as Record<symbol, unknown>)[Symbol.for('throughline.warnings')];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer.run(config(async () => void setImmediate(resolve))).catch(reject);
  });
  await consumer.disconnect();
  return {
    spans: telemetry.spans().map((span) => `${span.instrumentationScope.name}: ${span.name}`),
    warnings: [...warnings],
  };
}

interface Handled {
  readonly spans: string[];
  readonly warnings: string[];
}

// A function around what was patched does not show that it was.
const hidden = (): Kafkajs.Consumer => {
  const consumer = newConsumer();
  return { ...consumer, run: (config) => consumer.run(config) };
};
const result = {
  eachMessage: await handled(one, eachMessage),
  eachBatch: await handled(other, eachBatch),
  hidden: await handled(traceConsumer(hidden()), eachMessage),
  hiddenBatch: await handled(traceConsumer(hidden()), eachBatch),
  handler: await handled(newConsumer(), (handler) => ({ eachMessage: tracedEachMessage(handler) })),
  batchHandler: await handled(newConsumer(), (handler) => ({ eachBatch: tracedEachBatch(handler) })),
  // Proof that the instrumentation is there.
  instrumented: await handled(newConsumer(), eachMessage),
};
await telemetry.shutdown();
process.stdout.write(JSON.stringify(result));
