import assert from 'node:assert/strict';
import { assertThrew, done, LINEAGE, traceparent } from './bench.ts';
import type { Bench } from './bench.ts';
import { breakables, withMember } from './broken.ts';
import type { Broken } from './broken.ts';
import type { AdapterHarness, Field } from './harness.ts';
import { assertFailureShown } from './inbound.ts';
import type { Rule } from './rule.ts';
import { hearingWarnings, turn } from './watch.ts';

/** The rules about telemetry that throws, for one end of an adapter. */
export function guardRules(end: 'outbound' | 'inbound', harness: AdapterHarness): Rule[] {
  return breakables(end, harness).map((breakable) => ({
    name: `${breakable.what} that throws changes neither a result nor an error, and is told once`,
    async run(bench) {
      const broken = breakable.break();
      const { warnings } = await hearingWarnings(async () => {
        for (let round = 0; round < 2; round++) {
          await (end === 'outbound' ? sendUnder(bench, broken) : deliverUnder(bench, broken));
        }
        await turn();
      });
      const told = warnings.filter((warning) => warning.startsWith('throughline: '));
      assert.deepEqual(told, [...new Set(told)], 'nothing is told twice');
      if (broken.thrown.count > 0) assert(told.length > 0, `it threw ${broken.thrown.count} times, and that is told`);
      assert.deepEqual(broken.tracing?.open() ?? [], [], 'spans that stay open');
    },
  }));
}

async function sendUnder(bench: Bench, { options }: Broken): Promise<void> {
  const { cannot } = bench.harness.outbound ?? {};
  const value = { mine: true };
  const instead = cannot?.results === undefined ? () => value : undefined;
  const { outcome } = await bench.send(options, { instead }, { within: withMember });
  if (outcome.failed) throw new assert.AssertionError({ message: `the call fails with ${textOf(outcome.value)}` });
  if (instead !== undefined) assert.equal(outcome.value, value, 'the result is that of the library');
  if (cannot?.failures !== undefined) return;
  const error = new RangeError("the library's own");
  const failed = await bench.send(options, { instead: () => Promise.reject(error) }, { within: withMember });
  assertThrew(failed.outcome, error);
}

async function deliverUnder(bench: Bench, { options }: Broken): Promise<void> {
  const { cannot, failure } = bench.harness.inbound ?? {};
  const fields: Field[] = [
    ['traceparent', traceparent()],
    ['baggage', `${LINEAGE}=1.2.32.1.-.-.-,tenant=blue`],
  ].map(([name, value]): Field => [bench.harness.carrier === 'env' ? String(name).toUpperCase() : String(name), value]);
  const { outcome } = await bench.deliver(fields, options, () => done);
  if (outcome.failed) throw new assert.AssertionError({ message: `the delivery fails with ${textOf(outcome.value)}` });
  if (cannot?.results === undefined) assert.equal(outcome.value, done, "the result is the handler's");
  if (cannot?.failures !== undefined && failure === undefined) return;
  const error = new RangeError("the handler's own");
  const failed = await bench.receiver({ options, twice: false }, (deliver) =>
    deliver(fields, () => Promise.reject(error)),
  );
  assertFailureShown(bench, failed.outcome, error);
}

function textOf(value: unknown): string {
  return value instanceof Error ? (value.stack ?? String(value)) : JSON.stringify(value);
}
