import { propagation, trace } from '@opentelemetry/api';
import type { Baggage, SpanContext } from '@opentelemetry/api';
import { foreignExtract } from '../carrier/propagation.ts';
import { readFields } from '../carrier/read.ts';
import type { CarrierReader, OfferedFields } from '../carrier/read.ts';
import { readBaggage, splitBaggage } from '../lineage/member.ts';
import type { HopSettings } from '../policy/settings.ts';
import { formatBaggage, parseBaggage } from '../w3c/baggage.ts';
import type { Limits } from '../w3c/limits.ts';
import { w3cFields } from '../w3c/trace-context.ts';
import { parseTraceparent } from '../w3c/traceparent.ts';
import { parseTracestate } from '../w3c/tracestate.ts';
import type { Ambient } from './ambient.ts';
import type { InboundHop } from './hop.ts';

/** What a carrier offers, once it is read: a valid span context, baggage, lineage, or a `traceparent` that is not valid. */
export interface Offered {
  readonly spanContext: SpanContext | undefined;
  /** The user's baggage. */
  readonly user: Baggage | undefined;
  /** The value of the lineage member, which need not be valid. */
  readonly lineage: string | undefined;
  /** A `traceparent` was there that is not valid. */
  readonly invalid: boolean;
}

/**
 * Returns what a hop is offered: by its carrier, else by the HTTP request that brought it. Never throws, whatever the carrier
 * holds.
 */
export function offeredTo(hop: InboundHop, ambient: Ambient | undefined, settings: HopSettings): Offered {
  const offered = offeredBy(hop.carrier, hop.reader, settings);
  // Baggage travels without a trace too: what the carrier itself holds counts.
  const holdsBaggage = offered.user !== undefined || offered.lineage !== undefined;
  if (offered.spanContext !== undefined) return offered;
  if (ambient === undefined) {
    if (hop.fallback === undefined) return offered;
    const behind = offeredBy(hop.fallback.carrier, hop.fallback.reader, settings);
    const invalid = offered.invalid || behind.invalid;
    return holdsBaggage
      ? { spanContext: behind.spanContext, user: offered.user, lineage: offered.lineage, invalid }
      : { ...behind, invalid };
  }
  // The lineage of the request around is in its hop state.
  if (hop.http !== 'payload' || holdsBaggage) return offered;
  return { ...offered, ...splitBaggage(propagation.getBaggage(ambient.context)) };
}

/** Returns what a carrier offers. Never throws, whatever it holds. */
export function offeredBy(carrier: unknown, reader: CarrierReader, settings: HopSettings): Offered {
  const choice = settings.propagator();
  if (choice.kind === 'foreign') return extractForeign(carrier, reader, settings);
  const fields = readFields(carrier, reader, settings.limits);
  let spanContext: SpanContext | undefined;
  let invalid = false;
  if (choice.trace) {
    spanContext = fields.traceparent === undefined ? undefined : parseTraceparent(fields.traceparent);
    invalid = spanContext === undefined && (fields.unreadable || fields.traceparent !== undefined);
    if (spanContext !== undefined && choice.state && fields.tracestate !== undefined) {
      const traceState = parseTracestate(fields.tracestate, settings.limits);
      if (traceState !== undefined) spanContext.traceState = traceState;
    }
  }
  const { user, lineage } = readBaggage(fields.baggage, settings.limits);
  return { spanContext, user: choice.baggage ? user : undefined, lineage, invalid };
}

function extractForeign(carrier: unknown, reader: CarrierReader, settings: HopSettings): Offered {
  const choice = settings.propagator();
  if (choice.kind !== 'foreign' || carrier === undefined || carrier === null)
    return { spanContext: undefined, user: undefined, lineage: undefined, invalid: false };
  const { limits } = choice;
  // What repeats, and what is of a wrong type, counts by the rule of the carrier's kind, whoever reads it then.
  const w3c = readFields(carrier, reader, limits);
  const fields: Record<string, string> = {};
  let total = 0;
  // Lineage travels in `baggage` also where the propagator carries none.
  const carriesBaggage = choice.fields.includes('baggage');
  for (const name of carriesBaggage ? choice.fields : [...choice.fields, 'baggage']) {
    const field = name.toLowerCase();
    const text = w3cFields.includes(field) ? w3cText(w3c, field, limits) : foreignText(carrier, reader, field, limits);
    if (typeof text !== 'string' || text.length > limits.fieldBytes || (total += text.length) > MAX_FOREIGN) continue;
    fields[field] = text;
  }
  const extracted = foreignExtract(choice.propagator, fields);
  const spanContext = trace.getSpanContext(extracted);
  const valid = spanContext !== undefined && trace.isSpanContextValid(spanContext) ? spanContext : undefined;
  const { user, lineage } = splitBaggage(propagation.getBaggage(extracted));
  return {
    spanContext: valid,
    user,
    lineage: lineage ?? readBaggage(fields['baggage'], limits).lineage,
    invalid:
      valid === undefined &&
      ((w3c.unreadable && choice.fields.includes('traceparent')) ||
        Object.keys(fields).some((name) => name !== 'baggage')),
  };
}

function w3cText(offered: OfferedFields, field: string, limits: Limits): string | undefined {
  const text = offered[field as 'traceparent' | 'tracestate' | 'baggage'];
  if (field !== 'baggage' || text === undefined || text.length <= limits.fieldBytes) return text;
  // Of baggage that is too long whole members stay.
  const baggageBytes = Math.min(limits.baggageBytes, limits.fieldBytes);
  return formatBaggage(parseBaggage(text, limits), { ...limits, baggageBytes });
}

function foreignText(carrier: unknown, reader: CarrierReader, field: string, limits: Limits): unknown {
  try {
    const raw = reader.read(carrier, field);
    if (!(raw instanceof Uint8Array) || reader.kind === 'meta') return raw;
    return new TextDecoder().decode(raw.subarray(0, limits.fieldBytes + 1));
  } catch {
    return undefined;
  }
}

const MAX_FOREIGN = 65_536;
