import { context } from '@opentelemetry/api';
import { contextFromEnv, extractFields, injectFields, resumeTrace, saveTrace, traceEnv } from '@throughline/core';
import { deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, ContractTelemetry, Field } from '@throughline/core/testing';
import { formatHandle, parseHandle } from '../src/resume/handle-codec.ts';
import { parseTraceparent } from '../src/w3c/traceparent.ts';

type Harness = Omit<AdapterHarness, 'telemetry'>;

const noSpan = 'it only carries: what it starts has spans of its own';
const callsNothing = 'no library is called';

const environment: Harness = {
  name: 'traceEnv and contextFromEnv',
  transport: 'process',
  carrier: 'env',
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

const records: Harness = {
  name: 'injectFields and extractFields',
  transport: 'worker',
  carrier: 'meta',
  outbound: {
    open: ({ options }) => ({
      async send({ fields }) {
        const outcome = await outcomeOf(() => injectFields(deepFreeze({ ...fields }), options));
        return { outcome, wire: outcome.failed ? undefined : Object.entries(outcome.value as object) };
      },
    }),
    cannot: {
      span: noSpan,
      relay: 'what a record holds is not looked at',
      results: callsNothing,
      failures: callsNothing,
      twice: 'nothing is wrapped',
    },
  },
  inbound: {
    open: ({ options }) => ({
      deliver: ({ fields, handle }) =>
        outcomeOf(() => context.with(extractFields(Object.fromEntries(fields), options), handle)),
    }),
    cannot: {
      span: noSpan,
      repeats: 'a key is there once',
      refusal: 'a message that has been posted is not refused',
      suppression: 'the context is made on an empty one',
      twice: 'nothing is wrapped',
    },
  },
};

const fieldOf = (fields: readonly Field[], name: string): string | undefined => {
  const value = fields.find(([key]) => key === name)?.[1];
  return typeof value === 'string' ? value : undefined;
};

const handles: Harness = {
  name: 'saveTrace and resumeTrace',
  transport: 'handle',
  carrier: 'handle',
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

/** What core itself carries context with, as the contract takes it. */
export function coreHarnesses(telemetry: ContractTelemetry): AdapterHarness[] {
  return [environment, records, handles].map((harness) => ({ ...harness, telemetry }));
}
