import { startKafka } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import { Kafka, logLevel } from 'kafkajs';

const telemetry = startTelemetry();
const broker = await startKafka();
const kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });
let handle: (traceId: unknown) => void;
const handled = new Promise<unknown>((resolve) => (handle = resolve));

// #region readme
import { traceConsumer, traceProducer } from '@throughline/kafkajs';

const producer = traceProducer(kafka.producer(), { agent: 'planner' });
const consumer = traceConsumer(kafka.consumer({ groupId: 'analysts' }), { agent: 'analyst' });
// #endregion

import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';

await producer.connect();
await producer.send({ topic: 'tasks', messages: [{ value: 'compare the plans' }] });
await consumer.connect();
await consumer.subscribe({ topics: ['tasks'], fromBeginning: true });
await consumer.run({ eachMessage: async () => handle(trace.getActiveSpan()?.spanContext().traceId) });
assert.equal(await handled, telemetry.find('send tasks').spanContext().traceId);
await consumer.disconnect();
await producer.disconnect();
await broker.stop();
await telemetry.shutdown();
console.log('the message is handled in the trace that sent it');
