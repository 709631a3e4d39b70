import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { checkChains, startCollector } from '@throughline/verify';
import type { ChainReport, CheckChainsOptions, CollectedSpan, Collector, CollectorOptions } from '@throughline/verify';
import { exportDelayOf, exporterEnv } from './exporter-env.ts';
import type { Env } from './exporter-env.ts';
import { startGroup } from './process-group.ts';
import type { ProcessGroup } from './process-group.ts';
import { quiet } from './quiet.ts';

export interface CaptureOptions extends CollectorOptions {
  /** The services that the capture should hold: they are waited for, and a silent one is judged. Default: those that are in it. */
  readonly services?: readonly string[];
}

export interface CaptureSpawnOptions extends SpawnOptions {
  /** For a server: it is not expected to end by itself. Default: `settled()` waits for its end. */
  readonly staysUp?: boolean;
}

export interface SettledOptions {
  /** Rejects after so many milliseconds; 60,000 by default. */
  readonly timeoutMs?: number;
  /** Milliseconds without a new span. Default: what the exporters need, which is longer while something runs. */
  readonly quietMs?: number;
}

/** Runs processes, and collects the spans that they and all that they start export. */
export interface Capture extends AsyncDisposable {
  /** Where the spans go: OTLP over HTTP and gRPC. */
  readonly url: string;
  /** Variables that point exporters here and shorten their delay, for what is started in another way: this process's, and those. */
  env(env?: Env): Env;
  /** Starts a process whose exporters send here. It takes no input and writes where this process does, unless `stdio` says otherwise. */
  spawn(command: string, args?: readonly string[], options?: CaptureSpawnOptions): ChildProcess;
  /**
   * Resolves with the spans once all have come: every process has ended but for those that stay up, and nothing more came for longer
   * than exporters wait. Rejects with an `Error` that names what is still going on at the timeout.
   */
  settled(options?: SettledOptions): Promise<readonly CollectedSpan[]>;
  spans(): readonly CollectedSpan[];
  /** Judges what has come so far. */
  judge(options?: CheckChainsOptions): ChainReport;
  /** Asks what still runs to end, so that it flushes; after `graceMs` (5,000 by default) it is ended. */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
  /** Ends what still runs, and stops listening. What came stays readable. */
  close(): Promise<void>;
}

/**
 * Starts a capture for tests: processes are started by it, and their chains are judged when they are quiet.
 *
 * @example
 * ```ts
 * await using capture = await startCapture({ services: ['gateway', 'planner'] });
 * capture.spawn('node', ['planner.js'], { staysUp: true });
 * capture.spawn('node', ['gateway.js', 'one-request']);
 * await capture.settled();
 * expect(capture.judge()).toMatchObject({ verdict: 'sound', findings: [] });
 * ```
 */
export async function startCapture({ services, ...options }: CaptureOptions = {}): Promise<Capture> {
  const collector = await startCollector(options);
  const capture = capturing(collector, services);
  const close = async (): Promise<void> => {
    await capture.stop({ graceMs: 0 });
    await collector.close();
  };
  return { ...capture, close, [Symbol.asyncDispose]: close };
}

function capturing(
  collector: Collector,
  services: readonly string[] | undefined,
): Omit<Capture, 'close' | keyof AsyncDisposable> {
  const groups: ProcessGroup[] = [];
  const ending: ProcessGroup[] = [];
  let exportDelayMs = 0;
  const env = (base: Env = process.env): Env => {
    exportDelayMs = Math.max(exportDelayMs, exportDelayOf(base));
    return exporterEnv(collector.url, base);
  };
  return {
    url: collector.url,
    env,
    spawn: (command, args = [], { staysUp = false, ...options } = {}) => {
      const group = startGroup(command, args, {
        stdio: ['ignore', 'inherit', 'inherit'],
        ...options,
        env: env(options.env),
      });
      groups.push(group);
      if (!staysUp) ending.push(group);
      return group.child;
    },
    settled: async ({ timeoutMs = 60_000, quietMs } = {}) => {
      const problem = await quiet({ collector, services, groups, ending, exportDelayMs, timeoutMs, quietMs });
      if (problem !== undefined) throw new Error(problem);
      return collector.spans();
    },
    spans: () => collector.spans(),
    judge: (judging) => checkChains(collector, { services, ...judging }),
    stop: async ({ graceMs = 5000 } = {}) => {
      await Promise.all(groups.map(({ stop }) => stop(graceMs)));
    },
  };
}
