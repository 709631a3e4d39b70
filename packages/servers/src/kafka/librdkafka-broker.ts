/**
 * The program that is librdkafka's broker: `node librdkafka-broker.ts <npm package>`.
 *
 * librdkafka carries a broker for its own tests, which lives as long as the client that asks for it and tells its port
 * in the client's log alone. https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h
 */
import type { KafkaClientConfig, KafkaProducer } from 'kafka-crab-js';

const librdkafka: unknown = await import(process.argv[2] ?? '');
if (!hasClient(librdkafka)) throw new Error(`${process.argv[2]} is not kafka-crab-js`);

const client = new librdkafka.KafkaClientConfig({
  brokers: '127.0.0.1:1', // replaced by the broker's own
  clientId: 'throughline',
  logLevel: 'info',
  configuration: { 'test.mock.num.brokers': '1' },
});

// Held by the timer, which also keeps the process: a collected client would take its broker along.
const holder: { producer: KafkaProducer } = { producer: client.createProducer({}) };
setInterval(() => holder.producer, 1 << 30);

function hasClient(module: unknown): module is { KafkaClientConfig: typeof KafkaClientConfig } {
  return typeof module === 'object' && module !== null && 'KafkaClientConfig' in module;
}
