import { randomBytes } from 'node:crypto';
import { createTopics, startKafka } from '@throughline/servers';
import kafkajs from 'kafkajs';
import { added, addedOnAverage, measureApart, measureInPairs, median } from './measure.ts';
import type { Effort, Pair } from './measure.ts';
import type { KafkaTask, KafkaVariant } from './kafka-client.ts';
import type { Report, Result } from './results.ts';

const STORED = 8000;
/** What tracing may cost over a header that is there anyway. Microseconds of CPU a message. */
const OVER_FLOOR = 2;

/** The most that a variant of ours may add, as a share of what the opponent adds; none where a row is there to inform. */
interface Comparison {
  readonly ours: KafkaVariant;
  readonly opponent: KafkaVariant;
  readonly target?: number;
}

interface Task {
  readonly task: KafkaTask;
  readonly what: string;
  /** Messages in a turn. */
  readonly count: number;
  /** Messages before the first turn. */
  readonly warmUp: number;
  /** Factors on the processes and the rounds of the given effort. */
  readonly processes: number;
  readonly rounds: number;
  /** Turns are short, and the garbage of each is collected at its end, as part of it. */
  readonly collects?: boolean;
  readonly sampled: readonly Comparison[];
  readonly unsampled: readonly Comparison[];
}

const each = 'ours, spanPerMessage';
const half: Comparison = { ours: 'ours', opponent: 'hand-written', target: 1 / 2 };
// One span for each call and its header, written by hand: near what a tracer that has a span cannot go below.
const least: Comparison = { ours: 'least', opponent: 'hand-written' };
// No tracer at all: what kafkajs takes for a header that is always the same.
const floor: Comparison = { ours: 'constant', opponent: 'hand-written' };
const untraced: Comparison = { ours: 'constant', opponent: 'instrumentation' };
// With lineage in every message too: half of what that costs is kafkajs encoding a second header.
const inChain: Comparison = { ours: 'ours, in a chain', opponent: 'hand-written' };

const tasks: readonly Task[] = [
  {
    task: '1',
    what: 'produced one at a time',
    // Turns of a thousand calls took half a second each, in which what else the machine did was more than what is measured.
    count: 100,
    warmUp: 24_000,
    processes: 1,
    rounds: 8,
    collects: true,
    sampled: [
      { ours: 'ours', opponent: 'hand-written', target: 1.3 },
      { ours: 'ours', opponent: 'instrumentation', target: 1 },
    ],
    unsampled: [half, inChain, least],
  },
  {
    task: '10',
    what: 'produced 10 at a time',
    count: 2000,
    warmUp: 160_000,
    processes: 2,
    rounds: 2,
    sampled: [
      { ours: 'ours', opponent: 'instrumentation', target: 1 / 3 },
      { ours: 'least', opponent: 'instrumentation' },
      untraced,
      { ours: each, opponent: 'hand-written', target: 1.3 },
    ],
    unsampled: [half, inChain, least, floor],
  },
  {
    task: '100',
    what: 'produced 100 at a time',
    count: 4000,
    warmUp: 60_000,
    processes: 1,
    rounds: 3,
    sampled: [
      { ours: 'ours', opponent: 'instrumentation', target: 1 / 3 },
      untraced,
      { ours: 'ours', opponent: 'constant', target: 1 },
      { ours: 'ours, in a chain', opponent: 'constant, lineage', target: 1 },
      { ours: each, opponent: 'hand-written', target: 1.3 },
    ],
    unsampled: [half, inChain, least, floor],
  },
  {
    task: '1000',
    what: 'produced 1,000 at a time',
    count: 10_000,
    warmUp: 100_000,
    processes: 1,
    rounds: 1.5,
    sampled: [
      { ours: 'ours', opponent: 'instrumentation', target: 1 / 3 },
      untraced,
      { ours: 'ours', opponent: 'constant' },
      { ours: 'ours, in a chain', opponent: 'constant, lineage' },
    ],
    unsampled: [half, inChain, least, floor],
  },
  {
    task: 'eachMessage',
    what: '`eachMessage`',
    count: STORED,
    warmUp: STORED * 15,
    processes: 3,
    rounds: 0.5,
    sampled: [
      { ours: 'ours', opponent: 'hand-written', target: 1.3 },
      { ours: 'ours', opponent: 'instrumentation', target: 1 },
    ],
    unsampled: [half, least],
  },
  {
    task: 'eachBatch',
    what: '`eachBatch`',
    count: STORED,
    warmUp: STORED * 15,
    processes: 1,
    rounds: 0.5,
    sampled: [
      { ours: 'ours', opponent: 'instrumentation', target: 1 / 4 },
      { ours: 'ours, runWith', opponent: 'hand-written', target: 1 },
    ],
    unsampled: [half],
  },
];

const opponents: Partial<Record<KafkaVariant, string>> = {
  constant: `constant \`traceparent\`, and ${OVER_FLOOR} µs`,
  'constant, lineage': `constant \`traceparent\` and \`baggage\`, and ${OVER_FLOOR} µs`,
  'hand-written': 'hand-written span for each message',
  instrumentation: 'instrumentation-kafkajs',
};
const names: Partial<Record<KafkaVariant, string>> = {
  constant: 'a constant `traceparent` and no span',
  least: 'no more than one span with what samplers see, and its `traceparent`',
  'ours, in a chain': 'with lineage in each message',
  'ours, spanPerMessage': 'with `spanPerMessage`',
  'ours, runWith': 'with `runWith` around each message',
};

/**
 * A heap as a service has it that has run for a while. In that of a process which is some seconds old every few thousand spans set off
 * full collections, each of which drops compiled code of kafkajs, to be compiled again.
 */
const ROOM = ['--initial-old-space-size=1024', '--min-semi-space-size=16', '--max-semi-space-size=16'];

const BOTH =
  "CPU a message of the client's process over that of bare kafkajs 2, messages of 1 KB, one topic of one partition on Apache Kafka 4, which shares the cores: code is cold after each wait. The notes give messages a second, as one process that waits for itself gets them, and spans a message.";
const LONG =
  'turns of a tenth of a second and more, in an order that is drawn anew. Garbage is part of the cost, and is collected in few of the shorter turns:';
const SHORT =
  'turns of a hundred calls, in an order that is drawn anew, and at the end of each, as part of it, the garbage that it left is collected (`--expose-gc`):';
const produced = (collects: boolean): string =>
  `${BOTH} A process awaits each \`send\` before the next. Every process sends bare too, on the same connection, because what two connections cost differs by more than what is measured: ${collects ? SHORT : LONG} the numbers are averages over rounds, without the tenth at each end, in a heap with room for it (node with \`${ROOM.join(' ')}\`). One process runs at a time. A send is the root of its trace, whose first hop needs no lineage; rows say where it is there, as on later hops.`;
const CONSUMED = `${BOTH} The messages are stored ones, each with a \`traceparent\` of its own.`;

/** CPU that tracing adds to a message, in the client's process alone, against a real broker. */
export const kafkaBenchmarks: Readonly<Record<string, (effort: Effort) => Promise<Report>>> = Object.fromEntries(
  tasks.map((task) => [`kafka-${task.task}`, (effort: Effort) => report(task, effort)]),
);

async function report(
  { task, what, count, warmUp, processes, rounds, collects = false, ...comparisons }: Task,
  given: Effort,
): Promise<Report> {
  await using broker = await startKafka({ need: 'apache' });
  const results: Result[] = [];
  const notes: string[] = [];
  const topic = `bench-${task}`;
  const consumes = task === 'eachMessage' || task === 'eachBatch';
  await prepare(broker.brokers, topic, consumes ? STORED : 0);
  for (const sampling of ['sampled', 'unsampled'] as const) {
    const rows = comparisons[sampling];
    const variants = [...new Set(rows.flatMap(({ ours, opponent }) => [ours, opponent]))];
    const args = [task, broker.brokers.join(','), topic, sampling];
    const effort = { ...given, processes: given.processes * processes, rounds: given.rounds * rounds };
    // A consumer has one handler for as long as it runs.
    const costs: Partial<Record<KafkaVariant, Pair>> = consumes
      ? await measureApart(file, variants, 'bare', count, effort, { args, warmUp })
      : await measureInPairs(file, variants, 'bare', count, effort, {
          args,
          warmUp,
          nodeOptions: collects ? [...ROOM, '--expose-gc'] : ROOM,
        });
    const difference = consumes ? added : addedOnAverage;
    for (const { ours, opponent, target } of rows) {
      const [mine, theirs] = [costs[ours], costs[opponent]];
      if (mine === undefined || theirs === undefined) continue;
      results.push({
        what: [what, names[ours], sampling === 'unsampled' ? 'unsampled' : undefined].filter(Boolean).join(', '),
        opponent: opponents[opponent] ?? opponent,
        ours: difference(mine.variant, mine.bare),
        theirs: difference(theirs.variant, theirs.bare) + (opponent.startsWith('constant') ? OVER_FLOOR : 0),
        target,
      });
    }
    const bare = Object.values(costs).map((pair) => pair.bare);
    const elapsed = bare.flatMap((cost) => cost.elapsed);
    const each = variants.map((variant) =>
      told(variant, costs[variant]?.variant.elapsed, costs[variant]?.variant.spans),
    );
    const micros = median(bare.flatMap((cost) => cost.rounds)).toFixed(1);
    notes.push(`${sampling}: bare ${micros} µs; ${[told('bare', elapsed), ...each].join('; ')}.`);
  }
  return { title: `kafka, ${what}`, method: consumes ? CONSUMED : produced(collects), results, notes };
}

const file = new URL('kafka-client.ts', import.meta.url);

function told(variant: KafkaVariant, elapsed: readonly number[] = [], spans = 0): string {
  const perSecond = Math.round(1e6 / median(elapsed) / 100) * 100;
  return `${variant} ${perSecond.toLocaleString('en')} a second, ${spans.toFixed(2)} spans`;
}

async function prepare(brokers: string[], topic: string, stored: number): Promise<void> {
  const client = new kafkajs.Kafka({ clientId: 'prepare', brokers, logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  // 1,000 messages of 1 KB are more than a broker takes at once by default.
  const configEntries = [{ name: 'max.message.bytes', value: '4000000' }];
  await createTopics(admin, [{ topic, numPartitions: 1, configEntries }]);
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
