import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { formatOtlpJson, startCollector } from '@throughline/verify';
import type { Collector } from '@throughline/verify';
import { judge } from './judge.ts';
import { exitCodeOf, report } from './report.ts';
import type { ReportOptions } from './report.ts';
import type { Surroundings } from './surroundings.ts';
import { CANNOT_JUDGE } from './exit-codes.ts';

/** The options of `throughline collect`. */
export interface CollectOptions extends ReportOptions {
  /** Milliseconds without a new span, after the command has ended, until the capture is judged. */
  readonly settle: number;
  /** The file that keeps the spans. */
  readonly output?: string;
}

// Exporters batch for five seconds by default: a command that ends sooner would export nothing but what it flushes.
const DELAY = '200';

/**
 * Runs a command whose exporters send to a collector of ours, judges what came, and returns the exit code: that of the command, and
 * where that is 0 that of the judgement.
 */
export async function collect(
  [command = '', ...args]: readonly string[],
  options: CollectOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { stderr, env } = surroundings;
  const collector = await startCollector();
  try {
    const child = spawn(command, args, {
      stdio: 'inherit',
      env: {
        ...env,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        OTEL_TRACES_EXPORTER: env['OTEL_TRACES_EXPORTER'] ?? 'otlp',
        OTEL_BSP_SCHEDULE_DELAY: env['OTEL_BSP_SCHEDULE_DELAY'] ?? DELAY,
      },
    });
    const ended = await endOf(child);
    if (ended.problem !== undefined) {
      stderr.write(`throughline: ${command} cannot be run: ${ended.problem}\n`);
      return CANNOT_JUDGE;
    }
    await settled(collector, options.settle);
    if (options.output !== undefined) await writeFile(options.output, `${formatOtlpJson(collector.spans())}\n`);
    const judged = await judge(collector, options);
    report(judged, options, surroundings);
    return ended.code === 0 ? exitCodeOf(judged, options.failOn) : ended.code;
  } finally {
    await collector.close();
  }
}

interface Ended {
  readonly code: number;
  /** Why it was not started. */
  readonly problem?: string;
}

/** Waits for the end of the command. The terminal sends a first Ctrl-C to it too; a second one ends it at once. */
async function endOf(child: ChildProcess): Promise<Ended> {
  let asked = false;
  const interrupted = (): void => {
    if (asked) child.kill('SIGKILL');
    asked = true;
  };
  const terminated = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', terminated);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    // As shells say it.
    return { code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) };
  } catch (error) {
    return { code: CANNOT_JUDGE, problem: error instanceof Error ? error.message : String(error) };
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', terminated);
  }
}

/** Waits until no span has come for a while: what the command started may still be exporting. */
async function settled(collector: Collector, quietMs: number): Promise<void> {
  if (quietMs === 0) return;
  let count = -1;
  while (count !== collector.spans().length) {
    count = collector.spans().length;
    await new Promise((resolve) => setTimeout(resolve, quietMs));
  }
}
