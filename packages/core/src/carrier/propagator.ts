import { propagation, trace } from '@opentelemetry/api';
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter, SpanContext } from '@opentelemetry/api';
import { isTracingSuppressed } from '../context/opentelemetry.ts';
import { layered } from '../context/layer.ts';
import { standing } from '../lineage/chain.ts';
import { formatLineage } from '../lineage/codec.ts';
import { splitBaggage, writeBaggage } from '../lineage/member.ts';
import { activeChain } from '../lineage/state.ts';
import { checkKnown, optionError } from '../option-checks.ts';
import { parseBaggage } from '../w3c/baggage.ts';
import { limitsOf } from '../w3c/limits.ts';
import type { Limits } from '../w3c/limits.ts';
import { flagged, tracestateText, w3cFields, withRemote } from '../w3c/trace-context.ts';
import { formatTraceparent, parseTraceparent } from '../w3c/traceparent.ts';
import { parseTracestate } from '../w3c/tracestate.ts';

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
      const { user } = splitBaggage(propagation.getBaggage(context));
      // No step deeper: who writes the fields without an adapter says where the chain stands.
      const chain = activeChain(context);
      const lineage = chain === undefined || chain.hops === 0 ? undefined : formatLineage(standing(chain));
      const baggage = writeBaggage(user, lineage, this.#limits);
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

// Several fields of one name are one list (RFC 9110, 5.3).
function joined(value: unknown): unknown {
  return Array.isArray(value) ? value.filter((part) => typeof part === 'string').join(',') : value;
}
