import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** How long to measure. */
export interface Effort {
  /** Fresh processes for each variant: how V8 compiles differs from one to the next. */
  readonly processes: number;
  /** Rounds in each set of processes; in each round every variant has its turn. */
  readonly rounds: number;
  /** Factor on the number of operations in one turn. */
  readonly scale: number;
}

/** One process that does the operations of one variant, and measures nobody's CPU but its own and that of its children. */
export interface Subject {
  /** What `prepare` in the process gave, such as a port. */
  readonly ready: unknown;
  /** Does `count` operations in the process. */
  run(count: number): Promise<void>;
  /** CPU time of the process and its children since they started, user and system, all threads. Microseconds. */
  cpu(): Promise<number>;
  /** Spans that have ended in the process. */
  spans(): Promise<number>;
  stop(): Promise<void>;
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
  /** What the process is started with after the variant's name. */
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
 * Returns what each variant cost. Each runs in a process of its own, started from `file`; the processes take turns in every
 * round, the order reversed in every second one, so that whatever else the machine does hits all alike.
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
  const rounds = new Map<V, number[]>(variants.map((variant) => [variant, []]));
  const elapsed = new Map<V, number[]>(variants.map((variant) => [variant, []]));
  const spans = new Map<V, number>();
  for (let generation = 0; generation < effort.processes; generation++) {
    // All at once: to load the modules of one takes longer than most of its turns.
    const starts = await Promise.allSettled(variants.map((variant) => startSubject(file, [variant, ...args])));
    const subjects = new Map<V, Subject>();
    for (const [at, variant] of variants.entries()) {
      const start = starts[at];
      if (start?.status === 'fulfilled') subjects.set(variant, start.value);
    }
    try {
      for (const start of starts) if (start.status === 'rejected') throw start.reason;
      await Promise.all([...subjects.values()].map((subject) => warm(subject, drive, turn, warmUp * effort.scale)));
      for (let round = -SETTLING; round < effort.rounds; round++) {
        const order = [...subjects];
        if (round % 2 !== 0) order.reverse();
        for (const [variant, subject] of order) {
          const spansBefore = await subject.spans();
          const before = await subject.cpu();
          const started = performance.now();
          await drive(subject, turn);
          const took = performance.now() - started;
          const after = await subject.cpu();
          spans.set(variant, ((await subject.spans()) - spansBefore) / turn);
          if (round < 0) continue;
          rounds.get(variant)?.push((after - before) / turn);
          elapsed.get(variant)?.push((took * 1000) / turn);
        }
      }
    } finally {
      await Promise.all([...subjects.values()].map((subject) => subject.stop()));
    }
  }
  return Object.fromEntries(
    variants.map((variant) => [
      variant,
      {
        rounds: rounds.get(variant) ?? [],
        elapsed: elapsed.get(variant) ?? [],
        spans: spans.get(variant) ?? 0,
      },
    ]),
  ) as unknown as Record<V, Cost>;
}

async function warm(subject: Subject, drive: Drive, turn: number, count: number): Promise<void> {
  for (let done = 0; done < count; done += turn) await drive(subject, turn);
}

/** Turns after warming up that do not count yet. */
const SETTLING = 2;

/** Returns what `variant` costs more than `bare`: the median over rounds of the difference within a round. */
export function added(variant: Cost, bare: Cost): number {
  return median(variant.rounds.map((cost, round) => cost - (bare.rounds[round] ?? Number.NaN)));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

type Question = { readonly ask: 'run'; readonly count: number } | { readonly ask: 'cpu' | 'spans' };

async function startSubject(file: URL, args: readonly string[]): Promise<Subject> {
  const child = fork(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv });
  const answer = async (): Promise<unknown> => {
    const gone = new AbortController();
    const exited = once(child, 'exit', { signal: gone.signal }).then(([code]) => {
      throw new Error(`the process of ${args.join(' ')} ended with ${String(code)}`);
    });
    try {
      const [message] = (await Promise.race([once(child, 'message', { signal: gone.signal }), exited])) as unknown[];
      return message;
    } finally {
      gone.abort();
      exited.catch(() => undefined);
    }
  };
  const ask = (question: Question): Promise<unknown> => {
    const answered = answer();
    child.send(question);
    return answered;
  };
  return {
    ready: await answer(),
    run: async (count) => void (await ask({ ask: 'run', count })),
    cpu: async () => Number(await ask({ ask: 'cpu' })),
    spans: async () => Number(await ask({ ask: 'spans' })),
    stop: () => stopped(child),
  };
}

// `node --cpu-prof bench/src/x.ts` profiles the subjects too.
const execArgv = ['--no-warnings', ...process.execArgv.filter((arg) => arg.startsWith('--cpu-prof'))];

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}

/** What a subject's process does. */
export interface Work {
  readonly ready?: unknown;
  run(count: number): Promise<void>;
  spans(): Promise<number>;
  /** CPU time of the processes that the work has started. Microseconds. */
  othersCpu?(): Promise<number>;
  stop?(): Promise<void>;
}

/** The other end of {@link measure}: answers its questions, and ends the process when it lets go. */
export function beSubject(work: Work): void {
  process.on('message', (question: Question) => {
    switch (question.ask) {
      case 'run':
        work.run(question.count).then(
          () => process.send?.('done'),
          (error: unknown) => {
            console.error(error);
            process.exit(1);
          },
        );
        break;
      case 'cpu':
        void cpuOf(work).then((micros) => process.send?.(micros));
        break;
      case 'spans':
        void work.spans().then((spans) => process.send?.(spans));
        break;
    }
  });
  process.once('disconnect', () => {
    void (work.stop?.() ?? Promise.resolve()).finally(() => process.exit(0));
  });
  process.send?.(work.ready ?? 'ready');
}

async function cpuOf(work: Work): Promise<number> {
  const others = (await work.othersCpu?.()) ?? 0;
  const { user, system } = process.cpuUsage();
  return user + system + others;
}
