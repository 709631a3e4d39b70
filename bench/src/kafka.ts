import { randomBytes } from 'node:crypto';
import { startKafka } from '@throughline/embedded-kafka';
import kafkajs from 'kafkajs';
import { added, measure, median } from './measure.ts';
import type { Cost, Effort } from './measure.ts';
import type { KafkaTask, KafkaVariant } from './kafka-client.ts';
import type { Report, Result } from './results.ts';

const variants: readonly KafkaVariant[] = ['bare', 'ours', 'hand-written', 'instrumentation'];
const STORED = 8000;

interface Task {
  readonly task: KafkaTask;
  readonly what: string;
  readonly variants: readonly KafkaVariant[];
  /** Messages in a turn. */
  readonly count: number;
  /** The most that we may add, as a share of what each opponent adds. */
  readonly targets: Partial<Record<KafkaVariant, number>>;
}

const tasks: readonly Task[] = [
  {
    task: '1',
    what: 'produced one at a time',
    variants,
    count: 300,
    targets: { 'hand-written': 1.3, instrumentation: 1 },
  },
  { task: '10', what: 'produced 10 at a time', variants, count: 2500, targets: { instrumentation: 1 / 3 } },
  { task: '100', what: 'produced 100 at a time', variants, count: 5000, targets: { instrumentation: 1 / 3 } },
  {
    task: 'eachMessage',
    what: '`eachMessage`',
    variants,
    count: STORED,
    targets: { 'hand-written': 1.3, instrumentation: 1 },
  },
  {
    task: 'eachBatch',
    what: '`eachBatch`',
    variants: ['bare', 'ours', 'ours, runWith', 'instrumentation'],
    count: STORED,
    targets: { instrumentation: 1 / 4 },
  },
];

const opponents: Partial<Record<KafkaVariant, string>> = {
  'hand-written': 'hand-written span for each message',
  instrumentation: 'instrumentation-kafkajs',
};

/** CPU that tracing adds to a message, in the client's process alone, against a real broker. */
export async function kafka(effort: Effort): Promise<Report> {
  await using broker = await startKafka({ need: 'apache' });
  const results: Result[] = [];
  const notes: string[] = [];
  for (const { task, what, variants, count, targets } of tasks) {
    const topic = `bench-${task}`;
    const consumes = task === 'eachMessage' || task === 'eachBatch';
    await prepare(broker.brokers, topic, consumes ? STORED : 0);
    const costs: Partial<Record<KafkaVariant, Cost>> = await measure(
      new URL('kafka-client.ts', import.meta.url),
      variants,
      count,
      effort,
      {
        args: [task, broker.brokers.join(','), topic],
      },
    );
    const { bare, ours } = costs;
    if (bare === undefined || ours === undefined) continue;
    for (const [variant, opponent] of Object.entries(opponents) as [KafkaVariant, string][]) {
      const theirs = costs[variant];
      if (theirs === undefined) continue;
      results.push({ what, opponent, ours: added(ours, bare), theirs: added(theirs, bare), target: targets[variant] });
    }
    const { 'ours, runWith': each, instrumentation } = costs;
    if (each !== undefined && instrumentation !== undefined) {
      const result = { ours: added(each, bare), theirs: added(instrumentation, bare) };
      results.push({
        what: `${what} with \`runWith\` around each message`,
        opponent: 'instrumentation-kafkajs',
        ...result,
      });
    }
    const spans = variants.map((variant) => `${variant} ${(costs[variant]?.spans ?? 0).toFixed(2)}`);
    notes.push(`${what}: bare ${median(bare.rounds).toFixed(1)} µs; spans a message: ${spans.join('; ')}.`);
  }
  return {
    title: 'kafka',
    method:
      'CPU a message of the client\'s process over that of bare kafkajs 2, messages of 1 KB, one topic of one partition on Apache Kafka 4 in a process of its own. "One at a time" awaits each `send`; the consumers read stored messages, each with a `traceparent` of its own.',
    results,
    notes,
  };
}

async function prepare(brokers: string[], topic: string, stored: number): Promise<void> {
  const client = new kafkajs.Kafka({ clientId: 'prepare', brokers, logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] });
  await admin.disconnect();
  if (stored === 0) return;
  const producer = client.producer();
  await producer.connect();
  const value = Buffer.alloc(1024, 'x');
  for (let at = 0; at < stored; at += 500) {
    const messages = Array.from({ length: 500 }, (_, nth) => ({
      key: `key-${at + nth}`,
      value,
      headers: {
        type: 'text',
        traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
      },
    }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}
