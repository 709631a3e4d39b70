import assert from 'node:assert/strict';
import { Bench } from './bench.ts';
import { guardRules } from './guard.ts';
import type { AdapterHarness, ContractCase, Inabilities } from './harness.ts';
import { inboundRules } from './inbound.ts';
import { outboundRules } from './outbound.ts';
import type { Rule } from './rule.ts';
import { turn, watchedTracing, withoutUncaught } from './watch.ts';
import { functionRules, objectRules } from './wrapping.ts';

/**
 * Returns what every adapter does, as named cases: functions that reject with an `AssertionError`. They need an OpenTelemetry SDK that
 * is registered globally and keeps its spans in memory, and no test runner. Run them one at a time.
 *
 * A case that an adapter cannot meet is there all the same, with the harness's reason in its name. At the end of each case every span
 * that the adapter started has ended, and no error has gone uncaught.
 *
 * @example
 * ```ts
 * for (const { name, run } of adapterContract(harness)) test(name, run);
 * ```
 */
export function adapterContract(harness: AdapterHarness): ContractCase[] {
  const { outbound, inbound, objects, functions } = harness;
  const cases: ContractCase[] = [];
  const add = (part: string, rules: readonly Rule[], cannot: Inabilities = {}): void => {
    for (const rule of rules) cases.push(caseOf(`${harness.name}, ${part}`, rule, harness, cannot));
  };
  if (outbound !== undefined) {
    add('outbound', outboundRules, outbound.cannot);
    add('outbound', guardRules('outbound', harness), outbound.cannot);
  }
  if (inbound !== undefined) {
    add('inbound', inboundRules, inbound.cannot);
    add('inbound', guardRules('inbound', harness), inbound.cannot);
  }
  if (objects !== undefined) add('objects', objectRules(objects));
  if (functions !== undefined) add('functions', functionRules(functions));
  assert(cases.length > 0, 'a harness has an `outbound` or an `inbound` end');
  return cases;
}

function caseOf(part: string, rule: Rule, harness: AdapterHarness, cannot: Inabilities): ContractCase {
  const name = `${part}: ${rule.name}`;
  const missing = rule.needs?.find((ability) => cannot[ability] !== undefined);
  const reason = missing === undefined ? undefined : cannot[missing];
  if (reason !== undefined) return { name: `${name} (not here: ${reason})`, reason, run: async () => {} };
  return { name, run: () => runRule(rule, harness) };
}

async function runRule(rule: Rule, harness: AdapterHarness): Promise<void> {
  const tracing = watchedTracing();
  const bench = new Bench(harness, tracing);
  const { result, uncaught } = await withoutUncaught(async () => {
    try {
      await harness.telemetry.reset();
      await inTime(rule.run(bench));
      await turn();
      assert.deepEqual(tracing.open(), [], 'spans that stay open');
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      await bench.close();
    }
  });
  // What nobody caught explains what else is wrong.
  if (uncaught.length > 0) {
    throw new assert.AssertionError({ message: `an error was caught by nobody: ${textOf(uncaught[0])}` });
  }
  if (result !== undefined) throw result.error;
}

// Longer than any case takes, and soon enough that a call which is never answered does not hold up the rest.
const MOST_MS = 10_000;

async function inTime(running: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `it is not over after ${MOST_MS / 1000} s: a call or a delivery does not come to an end`;
    timer = setTimeout(() => reject(new assert.AssertionError({ message })), MOST_MS);
  });
  try {
    await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
