import { createContextKey, propagation, trace } from '@opentelemetry/api';
import type {
  Baggage,
  Context,
  SpanContext,
  TextMapGetter,
  TextMapPropagator,
  TextMapSetter,
} from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import { formatBaggage, parseBaggage } from './baggage.ts';
import { layered } from '../context/layer.ts';
import { limitsOf } from './limits.ts';
import type { Limits } from './limits.ts';
import { checkKnown, optionError } from '../option-checks.ts';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';
import { isParsedTracestate, parseTracestate } from './tracestate.ts';

/** The carrier keys that a W3C propagator owns. */
export const w3cFields: readonly string[] = Object.freeze(['traceparent', 'tracestate', 'baggage']);

/** The bit of the trace flags that says that the trace id is random. Trace Context Level 2, 3.2.2.5.2. */
const RANDOM_FLAG = 0x02;

// Same key in every loaded copy: createContextKey is Symbol.for.
const randomTraceKey = createContextKey('throughline.random-trace');

/** What {@link W3CPropagator} does beside its defaults. */
export interface W3CPropagatorOptions {
  /** Which of the three fields it owns. Default: all. */
  readonly fields?: readonly string[] | undefined;
  readonly limits?: Partial<Limits> | undefined;
}

/**
 * Trace context (Level 2) and baggage in one propagator. It reads and writes exactly one field of each name, passes an
 * unchanged `tracestate` on as the same bytes, never writes an empty one, and keeps the random flag of the trace it came
 * with. Neither `extract` nor `inject` throws on anything that a carrier holds.
 *
 * @example
 * ```ts
 * propagation.setGlobalPropagator(new W3CPropagator());
 * ```
 */
export class W3CPropagator implements TextMapPropagator {
  readonly #fields: readonly string[];
  readonly #limits: Limits;
  readonly #trace: boolean;
  readonly #state: boolean;
  readonly #baggage: boolean;

  constructor(options: W3CPropagatorOptions = {}) {
    checkKnown(options, ['fields', 'limits'], 'W3CPropagator');
    const fields: readonly string[] = options.fields ?? w3cFields;
    if (!Array.isArray(fields) || fields.some((field: unknown) => !(w3cFields as readonly unknown[]).includes(field))) {
      throw optionError('fields', "a list of 'traceparent', 'tracestate' and 'baggage'", fields);
    }
    this.#fields = w3cFields.filter((field) => fields.includes(field));
    this.#limits = limitsOf(options.limits);
    limitsGiven.set(this, { ...options.limits });
    this.#trace = this.#fields.includes('traceparent');
    this.#state = this.#fields.includes('tracestate');
    this.#baggage = this.#fields.includes('baggage');
  }

  /** Returns `context` with the span context and the baggage that the carrier holds, each only where it is valid. */
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    let extracted = layered(context);
    if (this.#trace) {
      const offered = traceparentOf(read(getter, carrier, 'traceparent'), this.#limits);
      if (offered !== undefined) {
        if (this.#state) {
          const traceState = parseTracestate(joined(read(getter, carrier, 'tracestate')), this.#limits);
          if (traceState !== undefined) offered.traceState = traceState;
        }
        extracted = withRemote(extracted, offered);
      }
    }
    if (this.#baggage) {
      const baggage = parseBaggage(joined(read(getter, carrier, 'baggage')), this.#limits);
      if (baggage !== undefined) extracted = propagation.setBaggage(extracted, baggage);
    }
    return extracted;
  }

  /** Writes the fields of `context` into the carrier. Writes nothing under suppressed tracing. */
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    if (isTracingSuppressed(context)) return;
    if (this.#trace) {
      const spanContext = trace.getSpanContext(context);
      const traceparent = spanContext && formatTraceparent(flagged(context, spanContext));
      if (traceparent !== undefined) {
        setter.set(carrier, 'traceparent', traceparent);
        const state = this.#state && spanContext !== undefined ? tracestateText(spanContext, this.#limits) : undefined;
        if (state !== undefined) setter.set(carrier, 'tracestate', state);
      }
    }
    if (this.#baggage) {
      const baggage = formatBaggage(propagation.getBaggage(context), this.#limits);
      if (baggage !== undefined) setter.set(carrier, 'baggage', baggage);
    }
  }

  fields(): string[] {
    const fields = [...this.#fields];
    owners.set(fields, this);
    return fields;
  }
}

// OpenTelemetry's API shows of the global propagator only what its `fields()` returns: by that it is known again.
const owners = new WeakMap<readonly string[], W3CPropagator>();

/** Returns the propagator whose `fields()` returned this very list, where it is one of this class. */
export function ownerOf(fields: readonly string[]): W3CPropagator | undefined {
  return owners.get(fields);
}

const limitsGiven = new WeakMap<object, Partial<Limits>>();

/** Returns the limits that a {@link W3CPropagator} of this copy was made with, or `undefined` for any other propagator. */
export function limitsGivenTo(propagator: object): Partial<Limits> | undefined {
  return limitsGiven.get(propagator);
}

/** Whether a propagator does exactly what {@link W3CPropagator} does: no subclass, and no method put onto the instance. */
export function isPlainW3C(propagator: object): boolean {
  return (
    limitsGiven.has(propagator) &&
    Object.getPrototypeOf(propagator) === W3CPropagator.prototype &&
    Reflect.ownKeys(propagator).length === 0
  );
}

/** Returns `context` with a remote parent, and the random flag of its trace kept beside it. */
export function withRemote(context: Context, remote: SpanContext): Context {
  const extracted = trace.setSpanContext(context, remote);
  return (remote.traceFlags & RANDOM_FLAG) === 0 ? extracted : extracted.setValue(randomTraceKey, remote.traceId);
}

/** Returns the span context with the random flag that its trace arrived with: SDKs write only the sampled bit. */
export function flagged(context: Context, spanContext: SpanContext): SpanContext {
  if ((spanContext.traceFlags & RANDOM_FLAG) !== 0 || context.getValue(randomTraceKey) !== spanContext.traceId) {
    return spanContext;
  }
  return { ...spanContext, traceFlags: spanContext.traceFlags | RANDOM_FLAG };
}

/** Returns the fields of a span context and of baggage, names and values: exactly what goes on the wire. */
export function w3cFieldValues(
  spanContext: SpanContext,
  baggage: Baggage | undefined,
  limits: Limits,
): Record<string, string> {
  const values: Record<string, string> = {};
  const traceparent = formatTraceparent(spanContext);
  if (traceparent !== undefined) {
    values['traceparent'] = traceparent;
    const state = tracestateText(spanContext, limits);
    if (state !== undefined) values['tracestate'] = state;
  }
  const members = baggage === undefined ? undefined : formatBaggage(baggage, limits);
  if (members !== undefined) values['baggage'] = members;
  return values;
}

// The carrier may throw where it is read: a property of it, or a Proxy.
function read(getter: TextMapGetter, carrier: unknown, field: string): unknown {
  try {
    const value: unknown = getter.get(carrier, field);
    return Array.isArray(value) ? Array.from(value) : value;
  } catch {
    return undefined;
  }
}

// A getter of HTTP headers may give a list of one; a longer one is a repeated `traceparent`, which is invalid.
function traceparentOf(value: unknown, limits: Limits): SpanContext | undefined {
  const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  return typeof only === 'string' && only.length <= limits.fieldBytes ? parseTraceparent(only) : undefined;
}

function tracestateText(spanContext: SpanContext, limits: Limits): string | undefined {
  const state = spanContext.traceState;
  if (state === undefined) return undefined;
  if (isParsedTracestate(state, limits)) return state.serialize() || undefined;
  let text: unknown;
  try {
    text = state.serialize();
  } catch {
    return undefined;
  }
  // A tracestate that an SDK or a sampler built goes through the same grammar as one from outside.
  return parseTracestate(text, limits)?.serialize();
}

// Several fields of one name are one list (RFC 9110, 5.3).
function joined(value: unknown): unknown {
  return Array.isArray(value) ? value.filter((part) => typeof part === 'string').join(',') : value;
}
