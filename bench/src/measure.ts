import { startSharedSubject, startSubject } from './subject.ts';
import type { Subject, Turn } from './subject.ts';

/** How long to measure. */
export interface Effort {
  /** Fresh processes for each variant: how V8 compiles differs from one to the next. */
  readonly processes: number;
  /** Rounds in each set of processes; in each round every variant has its turn. */
  readonly rounds: number;
  /** Factor on the number of operations in one turn. */
  readonly scale: number;
}

/** Drives operations in a subject, by default by asking it to. */
export type Drive = (subject: Subject, count: number) => Promise<void>;

const byAsking: Drive = (subject, count) => subject.run(count);

/** How a subject is driven. */
export interface MeasureOptions {
  /**
   * Operations in each process before the first that counts. A service runs for days: what is measured is code that V8 is
   * done with compiling, not the compiling, which goes on for tens of thousands of operations and is CPU of the process too.
   */
  readonly warmUp: number;
  readonly drive?: Drive;
  /** What the process is started with after its variant, or all of them with a semicolon between. */
  readonly args?: readonly string[];
}

/** What one variant cost. */
export interface Cost {
  /** Microseconds of CPU for each operation, one number for each round. */
  readonly rounds: readonly number[];
  /** Microseconds that each operation took, one number for each round: throughput, from one process that waits for itself. */
  readonly elapsed: readonly number[];
  /** Spans for each operation: evidence that a variant did what it is named for. */
  readonly spans: number;
}

/**
 * Returns what each variant cost. Each runs in a process of its own, started from `file`; they take turns in every
 * round, in an order that is drawn anew, so that whatever else the machine does hits all alike.
 */
export async function measure<V extends string>(
  file: URL,
  variants: readonly V[],
  count: number,
  effort: Effort,
  options: MeasureOptions,
): Promise<Record<V, Cost>> {
  const { drive = byAsking, args = [], warmUp } = options;
  const turn = Math.max(1, Math.round(count * effort.scale));
  const costs = Object.fromEntries(variants.map((variant) => [variant, newCost()])) as Record<V, Costs>;
  for (let generation = 0; generation < effort.processes; generation++) {
    const subjects = await startAll(variants, (variant) => startSubject(file, [variant, ...args]));
    try {
      for (const subject of subjects.values())
        for (let done = 0; done < warmUp * effort.scale; done += turn) await drive(subject, turn);
      for (let round = -SETTLING; round < effort.rounds; round++) {
        for (const [variant, subject] of shuffled([...subjects])) {
          const spansBefore = await subject.spans();
          const before = await subject.cpu();
          const started = performance.now();
          await drive(subject, turn);
          const elapsed = (performance.now() - started) * 1000;
          const cpu = (await subject.cpu()) - before;
          const spans = (await subject.spans()) - spansBefore;
          if (round >= 0) addTurn(costs[variant], { cpu, elapsed, spans }, turn);
        }
      }
    } finally {
      await stopAll(subjects);
    }
  }
  return costs;
}

/** How pairs are driven. */
export interface PairOptions extends Pick<MeasureOptions, 'warmUp' | 'args'> {
  /** As `warmUp`, of bare. Default: a quarter, because most of what bare runs is compiled by the time the variant is. */
  readonly bareWarmUp?: number;
  /** Options of Node for the processes. */
  readonly nodeOptions?: readonly string[];
}

/** What a variant cost, and what bare cost in the same process and the same rounds. */
export interface Pair {
  readonly variant: Cost;
  readonly bare: Cost;
}

/**
 * Returns what each variant cost beside `bare`, where every process does both, in turns: for what costs a tenth of what is common
 * to them, or less, because that differs between two processes by more. No two variants share a process, whose code V8
 * would compile for both. One process runs at a time: others in between would leave it with cold caches at each turn. `count` is
 * small, and the rounds are many: what else the machine does comes in waves, and hits a whole turn.
 */
export async function measureInPairs<V extends string>(
  file: URL,
  variants: readonly V[],
  bare: V,
  count: number,
  effort: Effort,
  { warmUp, bareWarmUp = warmUp / 4, args = [], nodeOptions }: PairOptions,
): Promise<Record<V, Pair>> {
  const pairs = Object.fromEntries(
    variants.map((variant) => [variant, { variant: newCost(), bare: newCost() }]),
  ) as Record<V, { readonly variant: Costs; readonly bare: Costs }>;
  for (let generation = 0; generation < effort.processes; generation++) {
    for (const variant of shuffled(variants)) {
      const subject = await startSharedSubject(file, [bare, variant], args, nodeOptions);
      try {
        await subject.round([variant], warmUp * effort.scale);
        await subject.round([bare], bareWarmUp * effort.scale);
        for (let round = -SETTLING; round < effort.rounds; round++) {
          const turns = await subject.round(shuffled([bare, variant]), count);
          if (round < 0) continue;
          addTurn(pairs[variant].variant, turns[variant], count);
          addTurn(pairs[variant].bare, turns[bare], count);
        }
      } finally {
        await subject.stop();
      }
    }
  }
  return pairs;
}

/**
 * Returns what each variant cost beside `bare`, which is one variant more in a process of its own: for what a process can only do
 * one of.
 */
export async function measureApart<V extends string>(
  file: URL,
  variants: readonly V[],
  bare: V,
  count: number,
  effort: Effort,
  options: MeasureOptions,
): Promise<Record<V, Pair>> {
  const costs = await measure(file, [bare, ...variants], count, effort, options);
  const pairs = variants.map((variant) => [variant, { variant: costs[variant], bare: costs[bare] }] as const);
  return Object.fromEntries(pairs) as Record<V, Pair>;
}

function newCost(): Costs {
  return { rounds: [], elapsed: [], spans: 0 };
}

interface Costs extends Cost {
  readonly rounds: number[];
  readonly elapsed: number[];
  spans: number;
}

function addTurn(costs: Costs, turn: Turn, count: number): void {
  costs.rounds.push(turn.cpu / count);
  costs.elapsed.push(turn.elapsed / count);
  costs.spans = turn.spans / count;
}

function shuffled<T>(values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

interface Stoppable {
  stop(): Promise<void>;
}

async function startAll<V extends string, S extends Stoppable>(
  variants: readonly V[],
  start: (variant: V) => Promise<S>,
): Promise<Map<V, S>> {
  // All at once: to load the modules of one takes longer than most of its turns.
  const starts = await Promise.allSettled(variants.map(start));
  const subjects = new Map<V, S>();
  let failed: PromiseRejectedResult | undefined;
  for (const [at, variant] of variants.entries()) {
    const started = starts[at];
    if (started?.status === 'fulfilled') subjects.set(variant, started.value);
    else failed ??= started;
  }
  if (failed === undefined) return subjects;
  await stopAll(subjects);
  throw failed.reason;
}

async function stopAll(subjects: ReadonlyMap<unknown, Stoppable>): Promise<void> {
  await Promise.all([...subjects.values()].map((subject) => subject.stop()));
}

/** Turns after warming up that do not count yet. */
const SETTLING = 2;

/** Returns what `variant` costs more than `bare`: the median over rounds of the difference within a round. */
export function added(variant: Cost, bare: Cost): number {
  return median(variant.rounds.map((cost, round) => cost - (bare.rounds[round] ?? Number.NaN)));
}

/**
 * Returns what `variant` costs more than `bare` on average over rounds, the tenth at each end left out. A median would leave out what
 * is not in every round as well, such as the collection of garbage.
 */
export function addedOnAverage(variant: Cost, bare: Cost): number {
  const differences = variant.rounds
    .map((cost, round) => cost - (bare.rounds[round] ?? Number.NaN))
    .sort((a, b) => a - b);
  const cut = Math.floor(differences.length / 10);
  const kept = differences.slice(cut, differences.length - cut);
  return kept.reduce((sum, difference) => sum + difference, 0) / kept.length;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
