import { propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api';
import { warnOnce } from '../diagnostics.ts';
import { ThroughlineError } from '../errors.ts';
import type { Limits } from '../w3c/limits.ts';
import { w3cFields, W3CPropagator } from '../w3c/propagator.ts';

/** Which propagator a hop uses: W3C fields read and written here, or a foreign propagator, guarded. */
export type PropagatorChoice =
  | { readonly kind: 'w3c'; readonly trace: boolean; readonly state: boolean; readonly baggage: boolean }
  | { readonly kind: 'foreign'; readonly propagator: TextMapPropagator; readonly fields: readonly string[] };

const allW3C: PropagatorChoice = { kind: 'w3c', trace: true, state: true, baggage: true };

/**
 * Returns a function that tells which propagator holds now. The option decides; else the global one, which may be
 * registered after the wrap. A global propagator that owns W3C fields alone is replaced by ours, limited to those fields, so
 * that the promises about the wire hold on a stock SDK; `global` opts out of that.
 */
export function propagatorChoice(option: TextMapPropagator | 'global' | undefined): () => PropagatorChoice {
  if (option === 'global') return () => foreign(globalPropagator);
  if (option !== undefined) {
    if (typeof option !== 'object' || typeof option.inject !== 'function' || typeof option.extract !== 'function') {
      throw new ThroughlineError(
        'ERR_THROUGHLINE_OPTION',
        "`propagator` takes an OpenTelemetry TextMapPropagator or 'global', such as `new W3CPropagator()`.",
      );
    }
    const chosen = option instanceof W3CPropagator ? w3cLimitedTo(option.fields()) : foreign(option);
    return () => chosen;
  }
  let settled: PropagatorChoice | undefined;
  return () => {
    if (settled !== undefined) return settled;
    const fields = propagation.fields();
    // None yet: an SDK may still register one.
    if (fields.length === 0) return allW3C;
    settled = fields.every((field) => w3cFields.includes(field.toLowerCase()))
      ? w3cLimitedTo(fields)
      : foreign(globalPropagator);
    return settled;
  };
}

const globalPropagator: TextMapPropagator = {
  inject: (context, carrier, setter) => propagation.inject(context, carrier, setter),
  extract: (context, carrier, getter) => propagation.extract(context, carrier, getter),
  fields: () => propagation.fields(),
};

function w3cLimitedTo(fields: readonly string[]): PropagatorChoice {
  return {
    kind: 'w3c',
    trace: fields.includes('traceparent'),
    state: fields.includes('tracestate'),
    baggage: fields.includes('baggage'),
  };
}

function foreign(propagator: TextMapPropagator): PropagatorChoice {
  let fields: readonly string[] = [];
  try {
    fields = propagator.fields().map(String);
  } catch {
    // A propagator that cannot say what it owns still injects.
  }
  return { kind: 'foreign', propagator, fields };
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
      `the configured propagator threw while extracting, so the trace starts fresh: ${String(error)}`,
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
    warnOnce('propagator.inject', `the configured propagator threw while injecting: ${String(error)}`);
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
