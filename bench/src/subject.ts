import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

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

/** One process that does the operations of all variants in turns, and takes the measure of each itself. */
export interface SharedSubject<V extends string> {
  /** Does `count` operations of each variant, in the order given. */
  round(variants: readonly V[], count: number): Promise<Readonly<Record<V, Turn>>>;
  stop(): Promise<void>;
}

/** What the operations of one variant took, all together. Microseconds; the CPU time is that of the process and its children. */
export interface Turn {
  readonly cpu: number;
  readonly elapsed: number;
  /** Spans that ended. */
  readonly spans: number;
}

type Question =
  | { readonly ask: 'run'; readonly count: number }
  | { readonly ask: 'cpu' | 'spans' }
  | { readonly ask: 'round'; readonly variants: readonly string[]; readonly count: number };

/** Starts a process that does one variant. */
export async function startSubject(file: URL, args: readonly string[]): Promise<Subject> {
  const { child, ready, ask } = await startProcess(file, args);
  return {
    ready,
    run: async (count) => void (await ask({ ask: 'run', count })),
    cpu: async () => Number(await ask({ ask: 'cpu' })),
    spans: async () => Number(await ask({ ask: 'spans' })),
    stop: () => stopped(child),
  };
}

/** Starts one process that does all of the variants, with `nodeOptions` for its Node. */
export async function startSharedSubject<V extends string>(
  file: URL,
  variants: readonly V[],
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<SharedSubject<V>> {
  const { child, ask } = await startProcess(file, [variants.join(';'), ...args], nodeOptions);
  return {
    round: async (order, count) => (await ask({ ask: 'round', variants: order, count })) as Record<V, Turn>,
    stop: () => stopped(child),
  };
}

interface Started {
  readonly child: ChildProcess;
  readonly ready: unknown;
  ask(question: Question): Promise<unknown>;
}

async function startProcess(file: URL, args: readonly string[], nodeOptions: readonly string[] = []): Promise<Started> {
  const child = fork(file, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [...execArgv, ...nodeOptions],
  });
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
  return { child, ready: await answer(), ask };
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
  /** Does `count` operations, of one variant where the process was started for several. */
  run(count: number, variant?: string): Promise<void>;
  spans(): Promise<number>;
  /** CPU time of the processes that the work has started. Microseconds. */
  othersCpu?(): Promise<number>;
  stop?(): Promise<void>;
}

/** The other end of a {@link Subject} or a {@link SharedSubject}: answers its questions, and ends the process when it lets go. */
export function beSubject(work: Work): void {
  process.on('message', (question: Question) => {
    switch (question.ask) {
      case 'run':
        work.run(question.count).then(() => process.send?.('done'), failed);
        break;
      case 'round':
        turnsOf(work, question.variants, question.count).then((turns) => process.send?.(turns), failed);
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

function failed(error: unknown): void {
  console.error(error);
  process.exit(1);
}

async function turnsOf(work: Work, variants: readonly string[], count: number): Promise<Record<string, Turn>> {
  const turns: Record<string, Turn> = {};
  let spans = await work.spans();
  for (const variant of variants) {
    const othersBefore = (await work.othersCpu?.()) ?? 0;
    collectYoung();
    const started = performance.now();
    const before = process.cpuUsage();
    await work.run(count, variant);
    collectYoung();
    const { user, system } = process.cpuUsage(before);
    const elapsed = (performance.now() - started) * 1000;
    const others = ((await work.othersCpu?.()) ?? 0) - othersBefore;
    const spansBefore = spans;
    spans = await work.spans();
    turns[variant] = { cpu: user + system + others, elapsed, spans: spans - spansBefore };
  }
  return turns;
}

// Where the process was started with `--expose-gc`, each turn pays for the garbage that it left, and for no other.
function collectYoung(): void {
  (globalThis as { gc?: (options: { type: 'minor' }) => void }).gc?.({ type: 'minor' });
}

async function cpuOf(work: Work): Promise<number> {
  const others = (await work.othersCpu?.()) ?? 0;
  const { user, system } = process.cpuUsage();
  return user + system + others;
}
