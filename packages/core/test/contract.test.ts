import { context, propagation } from '@opentelemetry/api';
import { contextFromEnv, resumeTrace, saveTrace, traceEnv } from '@throughline/core';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, ContractTelemetry, Field } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatHandle, parseHandle } from '../src/resume/handle-codec.ts';
import { parseTraceparent } from '../src/w3c/traceparent.ts';

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

const noSpan = 'it only carries: what it starts has spans of its own';
const callsNothing = 'no library is called';

const environment: AdapterHarness = {
  name: 'traceEnv and contextFromEnv',
  transport: 'process',
  carrier: 'env',
  telemetry: sdk,
  outbound: {
    open: ({ options }) => ({
      async send({ fields }) {
        const outcome = await outcomeOf(() => traceEnv(deepFreeze((fields ?? {}) as Record<string, string>), options));
        return { outcome, wire: outcome.failed ? undefined : Object.entries(outcome.value as object) };
      },
    }),
    cannot: {
      span: noSpan,
      relay: 'what the environment holds is where this process itself was started',
      types: 'a variable is text',
      results: callsNothing,
      failures: callsNothing,
      twice: 'nothing is wrapped',
    },
  },
  inbound: {
    open: ({ options }) => ({
      deliver: ({ fields, handle }) =>
        outcomeOf(() =>
          context.with(contextFromEnv(Object.fromEntries(fields) as Record<string, string>, options), handle),
        ),
    }),
    cannot: {
      span: noSpan,
      repeats: 'a variable is there once',
      types: 'a variable is text',
      refusal: 'a process that has been started is not refused',
      suppression: 'the context is made on an empty one',
      twice: 'nothing is wrapped',
    },
  },
};

const fieldOf = (fields: readonly Field[], name: string): string | undefined => {
  const value = fields.find(([key]) => key === name)?.[1];
  return typeof value === 'string' ? value : undefined;
};

const handles: AdapterHarness = {
  name: 'saveTrace and resumeTrace',
  transport: 'handle',
  carrier: 'handle',
  telemetry: sdk,
  outbound: {
    open: ({ options }) => ({
      async send() {
        const outcome = await outcomeOf(() => saveTrace(options));
        if (outcome.failed) return { outcome, wire: undefined };
        const { traceparent, tracestate, lineage } = parseHandle(outcome.value) ?? {};
        const baggage = lineage === undefined ? undefined : `throughline.lineage=${lineage}`;
        const wire = Object.entries({ traceparent, tracestate, baggage });
        return { outcome, wire: wire.filter(([, value]) => value !== undefined) };
      },
    }),
    cannot: {
      baggage: "a handle holds no baggage of the user's",
      fields: 'a handle is made, not written into',
      results: callsNothing,
      failures: callsNothing,
      twice: 'nothing is wrapped',
    },
  },
  inbound: {
    open: ({ options }) => ({
      deliver: ({ fields, handle }) =>
        outcomeOf(() => resumeTrace(handleOf(fields), 'resumed', () => handle(), options)),
    }),
    cannot: {
      baggage: "a handle holds no baggage of the user's",
      'letter case': 'a handle has no names',
      repeats: 'a handle has no names',
      types: 'a handle is text',
      'no link': 'the span that is open is linked: it is what woke the work',
      twice: 'nothing is wrapped',
    },
  },
};

/** The handle that `saveTrace` makes of these fields, or as much of one as they give. */
function handleOf(fields: readonly Field[]): string | undefined {
  const traceparent = fieldOf(fields, 'traceparent');
  if (traceparent === undefined) return undefined;
  const valid = parseTraceparent(traceparent) !== undefined;
  if (!valid) return `1.${Date.now().toString(36)}.${traceparent}`;
  const lineage = fieldOf(fields, 'baggage')
    ?.split(',')
    .find((member) => member.startsWith('throughline.lineage='));
  return formatHandle({
    savedAt: Date.now(),
    traceparent,
    tracestate: fieldOf(fields, 'tracestate'),
    lineage: lineage?.slice('throughline.lineage='.length),
  });
}

for (const harness of [environment, handles]) {
  describe(harness.name, () => {
    for (const { name, run } of adapterContract(harness)) it(name, run);
  });
}

describe('the contract itself', () => {
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
