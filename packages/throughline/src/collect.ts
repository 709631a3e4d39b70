import { once } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import { checkChains, formatOtlpJson, startCollector } from '@throughline/verify';
import { CANNOT_JUDGE } from './exit-codes.ts';
import { exportDelayOf, exporterEnv } from './exporter-env.ts';
import { interrupts } from './interrupts.ts';
import { judge } from './judge.ts';
import { liveCount } from './live-count.ts';
import { startGroup } from './process-group.ts';
import type { ProcessGroup } from './process-group.ts';
import { quiet } from './quiet.ts';
import { exitCodeOf, report } from './report.ts';
import type { ReportOptions } from './report.ts';
import type { Surroundings } from './surroundings.ts';

/** The options of `throughline collect`. */
export interface CollectOptions extends ReportOptions {
  /** Milliseconds without a new span, after the command has ended, until the capture is judged. Default: what exporters need. */
  readonly settle?: number;
  /** Seconds until the command is ended. */
  readonly timeLimit?: number;
  /** Where to listen, for exporters whose endpoint is fixed. */
  readonly port?: number;
  /** The file that keeps the spans. */
  readonly output?: string;
}

/** As shells say that Ctrl-C has ended something. */
const INTERRUPTED = 130;
const GRACE_MS = 5000;
/** What is left when the command has ended does not hold this up for longer. */
const MAX_SETTLE_MS = 60_000;

/**
 * Runs a command whose exporters send to a collector of ours, judges what came, and returns the exit code: that of the command, and
 * where that is 0 that of the judgement. Throws an `Error` where the file cannot be written or the port is taken, before it runs.
 */
export async function collect(
  [command = '', ...args]: readonly string[],
  options: CollectOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { stderr, env } = surroundings;
  const { output, services, settle: quietMs } = options;
  if (output !== undefined) await (await open(output, 'a')).close();
  const collector = await startCollector(options.port === undefined ? {} : { port: options.port });
  const { group, atOnce, end } = interrupts(() =>
    startGroup(command, args, { stdio: 'inherit', env: exporterEnv(collector.url, env) }),
  );
  const hide = liveCount(collector, surroundings);
  try {
    const code = await endOf(group, atOnce, options, surroundings);
    if (group.problem() !== undefined) {
      stderr.write(`throughline: ${command} cannot be run: ${group.problem()}\n`);
      return CANNOT_JUDGE;
    }
    const exporting = { collector, services, groups: [group], ending: [], exportDelayMs: exportDelayOf(env) };
    const problem = await quiet({ ...exporting, quietMs, timeoutMs: MAX_SETTLE_MS, atOnce });
    if (problem !== undefined) stderr.write(`throughline: ${problem}\n`);
    hide();
    if (output !== undefined) await writeFile(output, `${formatOtlpJson(collector.spans())}\n`);
    if (atOnce.aborted) {
      stderr.write('throughline: ended at once, and nothing is judged\n');
      return INTERRUPTED;
    }
    const judged = await judge((judging) => checkChains(collector, judging), options);
    report(judged, options, surroundings);
    return code === 0 ? exitCodeOf(judged, options.failOn) : code;
  } finally {
    hide();
    end();
    await collector.close();
  }
}

/** Waits for the end of the command, sees to it at the time limit, and returns its exit code. */
async function endOf(
  group: ProcessGroup,
  atOnce: AbortSignal,
  { timeLimit }: CollectOptions,
  { stderr }: Surroundings,
): Promise<number> {
  const limit =
    timeLimit === undefined
      ? undefined
      : setTimeout(() => {
          stderr.write(`throughline: ${group.name} has not ended within ${timeLimit} s, and is asked to\n`);
          void group.stop(GRACE_MS);
        }, timeLimit * 1000);
  try {
    return await Promise.race([group.ended, once(atOnce, 'abort').then(() => INTERRUPTED)]);
  } finally {
    clearTimeout(limit);
  }
}
