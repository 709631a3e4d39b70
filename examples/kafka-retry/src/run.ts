/** Orders are placed, billed, put aside and tried again, each service a process of its own. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { Kafka, logLevel } from 'kafkajs';
import { topicsOf } from './topics.ts';

const ORDERS = ['a chair', 'a lamp', 'a ghost'];

/** Resolves with the spans of all four services, once the ghost is a dead letter and the lamp is billed. */
export async function runRetries(brokers: readonly string[]): Promise<readonly CollectedSpan[]> {
  const collector = await startCollector();
  const work = `orders-${process.pid}-${Date.now().toString(36)}`;
  await createTopics(brokers, Object.values(topicsOf(work)));
  const start = (program: string, ...args: readonly string[]): ChildProcess =>
    fork(new URL(program, import.meta.url), [brokers.join(), work, ...args], {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '100' },
      // kafkajs sets timers in the past, and Node warns of each.
      execArgv: [...process.execArgv, '--disable-warning=TimeoutNegativeWarning'],
    });
  const services = ['./billing.ts', './retries.ts', './letters.ts'].map((program) => start(program));
  try {
    const letter = once(services.at(-1) as ChildProcess, 'message');
    await once(start('./orders.ts', ...ORDERS), 'exit');
    await letter;
    const billed = (span: CollectedSpan): boolean =>
      span.name === 'bill' && span.attributes['order'] === 'a lamp' && span.attributes['attempt'] === 3;
    while (!collector.spans().some(billed)) await new Promise((next) => setTimeout(next, 50));
    await Promise.all(services.map((service) => (service.send('stop'), once(service, 'exit'))));
    return collector.spans();
  } finally {
    for (const service of services) service.kill();
    await collector.close();
  }
}

async function createTopics(brokers: readonly string[], topics: readonly string[]): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  // Auto-created: librdkafka's small broker has no administration.
  for (const topic of topics) await producer.send({ topic, messages: [] }).catch(() => {});
  await producer.disconnect();
}
