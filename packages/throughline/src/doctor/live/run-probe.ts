import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probe } from './probe.ts';
import type { Inspected, ProbeLine, ProbeOrders } from './report.ts';

/** What is run: the project's set-up alone, or its whole command. */
export type Started =
  | { readonly kind: 'set-up'; readonly imports: readonly string[]; readonly requires: readonly string[] }
  | { readonly kind: 'command'; readonly command: readonly string[] };

export interface ProbeRun {
  /** Each process in which something is registered with OpenTelemetry's api. */
  readonly processes: readonly Inspected[];
  /** Which of them flushed when they were told to end, or ended. */
  readonly flushed: ReadonlySet<number>;
  /** Whether it ended by itself, before it was told to. */
  readonly endedItself: boolean;
  readonly exitCode: number | null;
  /** The end of what it wrote to its standard error. */
  readonly stderr: string;
}

/** Milliseconds, beside those of `--wait`, that a busy machine may take to load the set-up, and the libraries that the probe loads. */
const LOADING_MS = 60_000;

/** Milliseconds that a process gets to flush, once it is told to end. */
const GRACE_MS = 3000;

/**
 * Runs the project's set-up, or its command, with the probe in it, until the probe has looked; then ends it by SIGTERM, and waits whether
 * it flushes. `env` is what it gets.
 */
export async function runProbe(
  started: Started,
  orders: Omit<ProbeOrders, 'report'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ProbeRun> {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-doctor-'));
  try {
    const report = join(folder, 'report.jsonl');
    const file = join(folder, 'probe.cjs');
    writeFileSync(file, `(${probe.toString()})(require);\n`);
    const child = start(started, file, orders.folder, {
      ...env,
      THROUGHLINE_DOCTOR: JSON.stringify({ ...orders, report }),
    });
    return await watched(child, () => linesIn(report), orders);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function start(started: Started, probeFile: string, cwd: string, env: NodeJS.ProcessEnv): ChildProcess {
  // A group of its own, so that what it starts can be ended too.
  const options: SpawnOptions = { cwd, stdio: ['ignore', 'ignore', 'pipe'], detached: process.platform !== 'win32' };
  if (started.kind === 'set-up') {
    const { imports, requires } = started;
    const args = [...requires.flatMap((one) => ['--require', one]), ...imports.flatMap((one) => ['--import', one])];
    return spawn(process.execPath, [...args, probeFile], { ...options, env });
  }
  const [command = '', ...args] = started.command;
  const nodeOptions = `${env['NODE_OPTIONS'] ?? ''} --require "${probeFile.replaceAll('\\', '\\\\')}"`.trim();
  return spawn(command, args, { ...options, env: { ...env, NODE_OPTIONS: nodeOptions } });
}

async function watched(
  child: ChildProcess,
  lines: () => ProbeLine[],
  { waitMs, stays }: Pick<ProbeOrders, 'waitMs' | 'stays'>,
): Promise<ProbeRun> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-20_000)));
  let exitCode: number | null | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      exitCode = code;
      resolve();
    });
  });
  const inspected = (): Inspected[] => lines().filter((line) => line.kind === 'inspected');
  let [seen, seenAt] = [0, Date.now()];
  const hasLooked = (): boolean => {
    const looked = inspected();
    if (looked.length > seen) [seen, seenAt] = [looked.length, Date.now()];
    if (looked.some(({ api }) => api !== undefined)) return true;
    // A command may be one that starts another, which has as long.
    return looked.length > 0 && (stays || Date.now() - seenAt > waitMs);
  };
  await Promise.race([ended, until(hasLooked, waitMs + LOADING_MS)]);
  if (inspected().some(({ isEnding }) => isEnding)) await Promise.race([ended, until(() => false, GRACE_MS)]);
  const endedItself = exitCode !== undefined;
  if (!endedItself) {
    signal(child, 'SIGTERM');
    // A command that started another may be gone long before that one has flushed.
    await until(() => lines().some(({ kind }) => kind === 'flushed') || !isRunning(child), GRACE_MS);
    await until(() => !isRunning(child), 200);
    signal(child, 'SIGKILL');
    await ended;
  }
  const all = lines();
  return {
    processes: inspected().filter(({ api }) => api !== undefined),
    flushed: new Set(all.filter(({ kind }) => kind === 'flushed').map(({ pid }) => pid)),
    endedItself,
    exitCode: exitCode ?? null,
    stderr,
  };
}

/** Ends the process and what it started. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(name);
    else process.kill(-child.pid, name);
  } catch {
    // It has ended.
  }
}

/** Whether the process runs, or anything that it started. */
function isRunning(child: ChildProcess): boolean {
  if (process.platform === 'win32' || child.pid === undefined)
    return child.exitCode === null && child.signalCode === null;
  try {
    process.kill(-child.pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => boolean, timeoutMs: number): Promise<void> {
  const began = Date.now();
  while (!holds() && Date.now() - began < timeoutMs) await new Promise((resolve) => setTimeout(resolve, 50));
}

function linesIn(report: string): ProbeLine[] {
  if (!existsSync(report)) return [];
  return readFileSync(report, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as ProbeLine];
      } catch {
        // It is being written.
        return [];
      }
    });
}
