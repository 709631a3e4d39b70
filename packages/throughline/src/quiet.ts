import { setTimeout as delay } from 'node:timers/promises';
import type { Collector } from '@throughline/verify';
import type { ProcessGroup } from './process-group.ts';

export interface QuietOptions {
  readonly collector: Pick<Collector, 'spans' | 'longestWaitMs'>;
  /** The services that export. Where they are not named, anything that runs may be one that has not done so yet. */
  readonly services?: readonly string[] | undefined;
  /** All that was started. */
  readonly groups: readonly ProcessGroup[];
  /** Those of it that end by themselves. */
  readonly ending: readonly ProcessGroup[];
  /** How long exporters were told to wait. */
  readonly exportDelayMs: number;
  readonly timeoutMs: number;
  /** How long nothing may come, instead of what the exporters need. */
  readonly quietMs?: number | undefined;
  /** Ends the wait. */
  readonly atOnce?: AbortSignal;
}

const LOOK_MS = 20;
/** For what is on its way when its sender has ended. */
const AFTER_THE_END_MS = 250;
const WHILE_RUNNING_MS = 1000;
/** As long as an exporter waits by default, and a second: some are set up in code, and read no variable. */
const FOR_THE_UNKNOWN_MS = 6000;

/**
 * Waits until every process that ends has ended, and nothing more has come for longer than the exporters of what still runs wait: as
 * they were told to, and as they were seen to. Resolves with why it did not come to that, and what to do, where something cannot be run or
 * goes on past the timeout.
 */
export async function quiet(options: QuietOptions): Promise<string | undefined> {
  const { collector, groups, ending, timeoutMs, atOnce } = options;
  const silent = new Set(options.services);
  const deadline = Date.now() + timeoutMs;
  let seen = 0;
  let since = Date.now();
  for (;;) {
    if (atOnce?.aborted === true) return undefined;
    const failed = groups.find(({ problem }) => problem() !== undefined);
    if (failed !== undefined) return `\`${failed.name}\` cannot be run: ${failed.problem()}`;
    const busy = ending.find(({ hasEnded }) => !hasEnded());
    const spans = collector.spans();
    const isRunning = groups.length === 0 || groups.some(({ isAlive }) => isAlive());
    const now = Date.now();
    if (busy !== undefined || spans.length > seen) since = now;
    for (; seen < spans.length; seen++) silent.delete(spans[seen]?.service ?? '');
    const areKnown = options.services !== undefined && silent.size === 0;
    if (now - since >= neededMs(options, isRunning, areKnown)) return undefined;
    if (now >= deadline) {
      return busy === undefined
        ? `spans still came after ${timeoutMs} ms, ${seen} by then`
        : `\`${busy.name}\` had not ended after ${timeoutMs} ms: raise \`timeoutMs\`, or spawn it with { staysUp: true } if it is a server`;
    }
    await delay(LOOK_MS);
  }
}

/** `areKnown`: of every service something has come, which tells how long its exporter waits. */
function neededMs({ collector, exportDelayMs, quietMs }: QuietOptions, isRunning: boolean, areKnown: boolean): number {
  if (quietMs !== undefined) return quietMs;
  if (!isRunning) return AFTER_THE_END_MS;
  if (!areKnown) return FOR_THE_UNKNOWN_MS;
  return Math.max(WHILE_RUNNING_MS, 2 * exportDelayMs, collector.longestWaitMs() + WHILE_RUNNING_MS / 2);
}
