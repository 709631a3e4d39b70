/** One scenario, in a process of its own, which says what it saw in one IPC message. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { Random } from '@throughline/test-hostile/random';
import { bounds } from './bounds.ts';
import { Chains } from './chains.ts';
import { Finds } from './found.ts';
import type { Report } from './report.ts';
import { Skipped } from './scenario.ts';
import type { Load, Scenario, Soak } from './scenario.ts';
import { startTelemetry } from './telemetry.ts';

/** How long a scenario runs: as many, or as many seconds, whichever comes first. With neither, the scenario's own count. */
export interface Effort {
  readonly count?: number | undefined;
  readonly seconds?: number | undefined;
  readonly seed: number;
}

/** What the process says to who started it. */
export type Said = { readonly report: Report } | { readonly skipped: string };

const SAYING_EVERY = 30_000;

// Whoever started it is gone.
process.on('disconnect', () => process.exit(1));

const [file = '', effort = '{}'] = process.argv.slice(2);
const { scenario } = (await import(file)) as { scenario: Scenario };
say(await run(scenario, JSON.parse(effort) as Effort));

function say(said: Said): void {
  // What a scenario left open, such as a timer of a library, does not keep the process.
  process.send?.(said, undefined, undefined, () => process.exit(0));
}

async function run({ name, unit, least = 0, start, ...scenario }: Scenario, effort: Effort): Promise<Said> {
  const unhandled = new Finds();
  process.on('unhandledRejection', (reason) => unhandled.add(String(reason)));
  const chains = new Chains();
  const provider = startTelemetry(chains);
  const differences = new Finds();
  const tallies: Record<string, number> = {};
  const soak: Soak = {
    random: new Random(effort.seed),
    chain: (work) => chains.run(work),
    here: (name, where) => chains.here(name, where),
    crossedUnless: (same, where) => void (same || chains.crossings.add(where)),
    tally: (what, count = 1) => void (tallies[what] = (tallies[what] ?? 0) + count),
    differs: (what) => differences.add(what),
  };

  const seconds = effort.seconds ?? Infinity;
  const count = effort.count ?? (effort.seconds === undefined ? scenario.count : Infinity);
  const heap: number[] = [];
  let done = 0;
  let broke: string | undefined;
  let load: Load | undefined;
  let started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  try {
    load = await orStuck(start(soak));
    started = performance.now();
    let measured = 0;
    let said = started;
    const tooShort = (): boolean => done < least || heap.length < bounds.heapMeasurements;
    while (tooShort() || (done < count && elapsed() < seconds)) {
      done += await orStuck(load.step());
      const now = performance.now();
      if (now - measured >= bounds.heapEvery) {
        await provider.forceFlush();
        heap.push(await heapInUse());
        measured = performance.now();
      }
      if (now - said >= SAYING_EVERY) {
        said = now;
        process.stderr.write(`${name}: ${done} ${unit} after ${Math.round(elapsed())} s\n`);
      }
    }
  } catch (error) {
    if (error instanceof Skipped) return { skipped: error.message };
    broke = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const took = elapsed();
  try {
    await orStuck(load?.stop());
  } catch (error) {
    broke ??= `it could not be stopped: ${String(error)}`;
  }
  for (const until = performance.now() + bounds.ending; chains.open > 0 && performance.now() < until;)
    await setTimeout(20);
  const { open: openSpans, ended: spans, crossings } = chains;
  return {
    report: {
      name,
      unit,
      done,
      seconds: took,
      tallies,
      heap,
      spans: spans + openSpans,
      openSpans,
      crossings,
      differences,
      unhandled,
      broke,
    },
  };
}

async function heapInUse(): Promise<number> {
  // What a finalizer or a queued task still holds is let go of between the two.
  for (let round = 0; round < 2; round++) {
    await setImmediate();
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed;
}

async function orStuck<T>(work: T | Promise<T>): Promise<T> {
  const over = new AbortController();
  const stuck = setTimeout(bounds.stuck, undefined, { signal: over.signal }).then(() => {
    throw new Error(`a step did not come to its end within ${bounds.stuck / 1000} s`);
  });
  stuck.catch(() => {});
  try {
    return await Promise.race([work, stuck]);
  } finally {
    over.abort();
  }
}
