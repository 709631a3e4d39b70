/** The relay: reads the outbox and sends what is there. Its own span is not what caused the messages. */
import { trace } from '@opentelemetry/api';
import { traceProducer } from '@throughline/kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import type { IHeaders } from 'kafkajs';
import { openShop } from './shop.ts';
import { startTelemetry } from './telemetry.ts';

const [database = '', brokers = '', topic = '', existing] = process.argv.slice(2);
const telemetry = startTelemetry('relay');
const shop = openShop(database);
const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
const producer = traceProducer(kafka.producer(), { existing: existing === 'replace' ? 'replace' : 'keep' });

await producer.connect();
await trace.getTracer('relay').startActiveSpan('relay outbox', async (span) => {
  const rows = shop.unsent();
  const messages = rows.map(({ value, headers }) => ({ value, headers: JSON.parse(headers) as IHeaders }));
  await producer.send({ topic, messages });
  shop.sent(rows);
  span.end();
});
await producer.disconnect();
await telemetry.shutdown();
