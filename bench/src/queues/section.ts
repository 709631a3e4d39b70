import type { RunningServer } from '@throughline/servers';
import { addedOnAverage, measureApart, measureInPairs, median } from '../measure.ts';
import type { Effort, Pair } from '../measure.ts';
import type { Report, Result } from '../results.ts';
import type { QueueVariant } from './variant.ts';

/** One thing that is done with messages. */
export interface Task {
  /** As the process is asked for it. */
  readonly task: string;
  readonly what: string;
  /** Messages in a turn. */
  readonly count: number;
  /** Messages before the first turn. */
  readonly warmUp: number;
  /** Where there is a header that may always be the same: what the rest of the way costs. */
  readonly constant?: boolean;
  /** The most that ours may cost as a share of what the peer does; none where they do not do the same. */
  readonly peerTarget?: number;
}

/** The tracing that is there for a library. */
export interface Peer {
  readonly name: string;
  /** It patches what its process loads, which then has no bare operation beside it. */
  readonly patches: boolean;
}

/** What a section measures. */
export interface Section {
  readonly title: string;
  /** What is done, after how it is measured. */
  readonly method: string;
  readonly file: URL;
  readonly start?: () => Promise<RunningServer>;
  readonly tasks: readonly Task[];
  readonly peer?: Peer;
  /** What keeps rows that miss from their target. */
  readonly floor: string;
}

const IN_PAIRS =
  'CPU a message of the one process that has both ends, over that of the bare library in the same process: bare and traced in turns, averages over rounds without the tenth at each end. The server shares the cores, and its CPU does not count.';
const APART =
  'The peer patches what a process loads, so it has a process of its own, and so have ours and bare beside it.';
const HAND_WRITTEN = 'hand-written span for each message';

/** Measures a section. */
export async function report(
  { title, method, file, start, tasks, peer, floor }: Section,
  effort: Effort,
): Promise<Report> {
  await using server = await start?.();
  const results: Result[] = [];
  const notes: string[] = [];
  for (const { task, what, count, warmUp, constant = false, peerTarget } of tasks) {
    const options = { args: [task, server?.url ?? ''], warmUp };
    const variants: QueueVariant[] = ['ours', 'hand-written'];
    if (constant) variants.push('constant');
    if (peer?.patches === false) variants.push('peer');
    const pairs: Pairs = await measureInPairs(file, variants, 'bare', count, effort, options);
    const apart: Pairs = peer?.patches
      ? await measureApart(file, ['ours', 'peer'], 'bare', count, effort, options)
      : pairs;
    const row = (costs: Pairs, theirs: QueueVariant, opponent: string, target?: number): Result => {
      return { what, opponent, ours: over(costs.ours), theirs: over(costs[theirs]), target };
    };
    results.push(row(pairs, 'hand-written', HAND_WRITTEN, 1.3));
    if (peer !== undefined) results.push(row(apart, 'peer', peer.name, peerTarget));
    if (constant) results.push(row(pairs, 'constant', 'constant `traceparent` and no span'));
    const bare = median(pairs.ours?.bare.rounds ?? []).toFixed(1);
    const spans = Object.entries({ ...apart, ...pairs }).map(
      ([name, pair]) => `${name} ${pair.variant.spans.toFixed(2)}`,
    );
    notes.push(`${what}: bare ${bare} µs; spans a message: ${spans.join(', ')}.`);
  }
  notes.push(floor);
  return { title, method: [IN_PAIRS, ...(peer?.patches ? [APART] : []), method].join(' '), results, notes };
}

type Pairs = Partial<Record<QueueVariant, Pair>>;

function over(pair: Pair | undefined): number {
  return pair === undefined ? Number.NaN : addedOnAverage(pair.variant, pair.bare);
}
