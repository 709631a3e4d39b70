import { propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api';
import { textOf, warnOnce } from '../diagnostics.ts';
import { telemetryFailed } from '../telemetry/guard.ts';
import { limitsOf, tighter } from '../w3c/limits.ts';
import type { Limits } from '../w3c/limits.ts';
import { optionError } from '../option-checks.ts';
import { w3cFields } from '../w3c/trace-context.ts';
import { isPlainW3C, limitsGivenTo, ownerOf } from './propagator.ts';

/** Which propagator a hop uses, within which limits: W3C fields read and written here, or a foreign propagator, guarded. */
export type PropagatorChoice = { readonly limits: Limits } & (
  | { readonly kind: 'w3c'; readonly trace: boolean; readonly state: boolean; readonly baggage: boolean }
  | { readonly kind: 'foreign'; readonly propagator: TextMapPropagator; readonly fields: readonly string[] }
);

/**
 * Returns a function that tells which propagator holds now. The option decides; else the global one, which may be
 * registered after the wrap. What is handed in is what runs: a `W3CPropagator` with its fields and its limits, anything else
 * by itself, subclasses too. A global propagator that owns W3C fields alone is replaced by ours, limited to those fields, so
 * that the promises about the wire hold on a stock SDK; `global` opts out of that. `given` are the limits of the wrap.
 */
export function propagatorChoice(
  option: TextMapPropagator | 'global' | undefined,
  given: Partial<Limits> | undefined,
): () => PropagatorChoice {
  const limits = limitsOf(given);
  if (option === 'global') return () => foreign(globalPropagator, limits);
  if (option !== undefined) {
    if (
      typeof option !== 'object' ||
      option === null ||
      typeof option.inject !== 'function' ||
      typeof option.extract !== 'function'
    ) {
      throw optionError(
        'propagator',
        "an OpenTelemetry TextMapPropagator or 'global', such as `new W3CPropagator()`",
        option,
      );
    }
    const chosen = chosenOf(option, given);
    return () => chosen;
  }
  const unsettled = w3cLimitedTo(w3cFields, limits);
  let settled: PropagatorChoice | undefined;
  return () => {
    if (settled !== undefined) return settled;
    const fields = propagation.fields();
    // None yet: an SDK may still register one.
    if (fields.length === 0) return unsettled;
    const owner = ownerOf(fields);
    if (owner !== undefined) settled = chosenOf(owner, given);
    else if (fields.every((field) => w3cFields.includes(field.toLowerCase()))) settled = w3cLimitedTo(fields, limits);
    else settled = foreign(globalPropagator, limits);
    return settled;
  };
}

function chosenOf(propagator: TextMapPropagator, given: Partial<Limits> | undefined): PropagatorChoice {
  const limits = limitsOf(tighter(given, limitsGivenTo(propagator)));
  return isPlainW3C(propagator) ? w3cLimitedTo(propagator.fields(), limits) : foreign(propagator, limits);
}

const globalPropagator: TextMapPropagator = {
  inject: (context, carrier, setter) => propagation.inject(context, carrier, setter),
  extract: (context, carrier, getter) => propagation.extract(context, carrier, getter),
  fields: () => propagation.fields(),
};

function w3cLimitedTo(fields: readonly string[], limits: Limits): PropagatorChoice {
  return {
    kind: 'w3c',
    limits,
    trace: fields.includes('traceparent'),
    state: fields.includes('tracestate'),
    baggage: fields.includes('baggage'),
  };
}

function foreign(propagator: TextMapPropagator, limits: Limits): PropagatorChoice {
  let fields: readonly string[] = [];
  try {
    fields = propagator.fields().map((name) => name.toLowerCase());
  } catch (thrown) {
    // A propagator that cannot say what it owns still injects.
    telemetryFailed('propagator', thrown);
  }
  return { kind: 'foreign', propagator, fields, limits };
}

const recordGetter: TextMapGetter<Record<string, string>> = {
  keys: (carrier) => Object.keys(carrier),
  get: (carrier, key) => (Object.hasOwn(carrier, key.toLowerCase()) ? carrier[key.toLowerCase()] : undefined),
};

const recordSetter: TextMapSetter<Record<string, string>> = {
  set: (carrier, key, value) => {
    if (typeof key === 'string' && typeof value === 'string') carrier[key] = value;
  },
};

/** Returns what a foreign propagator makes of these fields on an empty context. A throw of its own is told once and gives the empty context. */
export function foreignExtract(propagator: TextMapPropagator, fields: Record<string, string>): Context {
  try {
    return propagator.extract(ROOT_CONTEXT, fields, recordGetter);
  } catch (error) {
    warnOnce(
      'propagator.extract',
      `the configured propagator threw while extracting, so the trace starts fresh: ${textOf(error)}`,
    );
    return ROOT_CONTEXT;
  }
}

/** Returns the fields that a foreign propagator writes for this context, each a string within the limits. */
export function foreignInject(propagator: TextMapPropagator, context: Context, limits: Limits): Record<string, string> {
  const fields: Record<string, string> = {};
  try {
    propagator.inject(context, fields, recordSetter);
  } catch (error) {
    warnOnce('propagator.inject', `the configured propagator threw while injecting: ${textOf(error)}`);
  }
  for (const name of Object.keys(fields)) {
    if ((fields[name]?.length ?? 0) > limits.fieldBytes || !isFieldText(fields[name])) delete fields[name];
  }
  return fields;
}

function isFieldText(text: string | undefined): boolean {
  if (text === undefined || text.length === 0) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 9) || code > 0x7e) return false;
  }
  return true;
}
