import { execFile } from 'node:child_process';
import { propagation } from '@opentelemetry/api';
import { adapterContract, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, ContractTelemetry } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreHarnesses } from './contract-harnesses.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const sdk: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

for (const harness of coreHarnesses(sdk)) {
  describe(harness.name, () => {
    for (const { name, run } of adapterContract(harness)) it(name, run);
  });
}

describe('the contract itself', () => {
  it('runs under node:test as it is', async () => {
    const child = new URL('./child/contract.ts', import.meta.url).pathname;
    // What vitest tells its own children is none of this one's affair.
    const { NODE_OPTIONS: _options, VITEST: _vitest, ...env } = process.env;
    const stdout = await new Promise<string>((resolve) => {
      execFile(process.execPath, ['--test', '--test-reporter=tap', child], { env }, (_failed, text) => resolve(text));
    });
    const all = coreHarnesses(sdk).flatMap((harness) => adapterContract(harness));
    expect(stdout).toContain(`# tests ${all.length}\n`);
    expect(stdout).toMatch(/^ok \d+ - traceEnv and contextFromEnv, outbound: the span that is active is the parent/m);
  });

  const cases = (harness: Partial<AdapterHarness>) =>
    adapterContract({ name: 'mine', transport: 'mine', carrier: 'message', telemetry: sdk, ...harness });

  it('needs something to look at', () => {
    expect(() => cases({})).toThrow(/an `outbound` or an `inbound` end/);
  });

  it('lists what cannot be with the reason, and gives each case a name of its own', () => {
    const listed = cases({
      inbound: { open: () => ({ deliver: ({ handle }) => outcomeOf(handle) }), cannot: { baggage: 'it has none' } },
    });
    expect(listed.filter(({ reason }) => reason === 'it has none').length).toBeGreaterThan(0);
    expect(new Set(listed.map(({ name }) => name)).size).toBe(listed.length);
  });

  it('fails for what does nothing, and for what loses the context', async () => {
    const idle = cases({
      outbound: {
        open: () => ({ send: async ({ instead }) => ({ outcome: await outcomeOf(instead ?? (() => {})), wire: [] }) }),
      },
      inbound: { open: () => ({ deliver: ({ handle }) => outcomeOf(handle) }) },
    });
    const outcomes = await settledInTurn(idle.map(({ run }) => run));
    const failed = idle.filter((_, at) => outcomes[at] !== undefined).map(({ name }) => name);
    for (const part of [
      'outbound: the span that is active',
      'inbound: a context that is offered',
      'receipts',
      'wrapped twice',
    ]) {
      expect(
        failed.some((name) => name.includes(part)),
        part,
      ).toBe(true);
    }
    expect(propagation.getActiveBaggage()).toBeUndefined();
  });
});

/** Runs one after the other, and returns what each failed with. */
async function settledInTurn(runs: readonly (() => Promise<void>)[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const run of runs) {
    failures.push(
      await run().then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
  }
  return failures;
}
