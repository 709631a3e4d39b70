import { isSpanContextValid } from '@opentelemetry/api';
import type { SpanContext } from '@opentelemetry/api';
import type { Limits } from '../w3c/limits.ts';
import { defaultLimits } from '../w3c/limits.ts';
import { parseTraceparent } from '../w3c/traceparent.ts';

/**
 * How a kind of carrier repeats a field. `http`: a repeated `traceparent` is invalid (Node joins them with a comma);
 * `message`: the last valid one counts; `meta`: only a string counts.
 */
export type CarrierKind = 'http' | 'message' | 'meta';

/**
 * Reads one field of a carrier. `read` returns whatever is there: a string, bytes, an array of those where the field is
 * repeated (also in other letter cases), or nothing. Core decides what of it counts.
 */
export interface CarrierReader {
  readonly kind: CarrierKind;
  /** `field` is in lower case. */
  read(carrier: unknown, field: string): unknown;
}

/** The fields of one carrier as text, within the limits and not yet judged. */
export interface OfferedFields {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly baggage: string | undefined;
  /** Whether a `traceparent` was there that cannot count: of a wrong type, repeated, too long. */
  readonly unreadable: boolean;
}

/** Reads Node's `IncomingHttpHeaders`, whose names are in lower case. */
export const nodeHeaders: CarrierReader = {
  kind: 'http',
  read: (carrier, field) => (isObject(carrier) ? carrier[field] : undefined),
};

/** Reads HTTP headers in any form: `Headers`, a record in any letter case, a `Map`, an array of pairs. */
export const httpHeaders: CarrierReader = { kind: 'http', read: readAnyCase };

/** Reads message headers: a record in any letter case, or a `Map`, of strings, bytes and arrays of those. */
export const messageHeaders: CarrierReader = { kind: 'message', read: readAnyCase };

/** Reads the unprefixed keys of MCP `_meta` (SEP-414). */
export const metaFields: CarrierReader = {
  kind: 'meta',
  read(carrier, field) {
    if (!isObject(carrier)) return undefined;
    // Mostly there is nothing, which is known sooner than whose it would be.
    const value = carrier[field];
    return value !== undefined && Object.hasOwn(carrier, field) ? value : undefined;
  },
};

/**
 * Returns the three fields as text, by the rule of the carrier's kind. Never throws, also where a getter of the carrier does.
 */
export function readFields(carrier: unknown, reader: CarrierReader, limits: Limits = defaultLimits): OfferedFields {
  if (carrier === undefined || carrier === null) return nothing;
  try {
    const raw = reader.read(carrier, 'traceparent');
    const traceparent = raw === undefined || raw === null ? undefined : traceparentText(raw, reader.kind, limits);
    const tracestate =
      traceparent === undefined
        ? undefined
        : listText(reader.read(carrier, 'tracestate'), reader.kind, limits.fieldBytes);
    const baggage = reader.read(carrier, 'baggage');
    return {
      traceparent,
      tracestate,
      baggage: baggage === undefined || baggage === null ? undefined : listText(baggage, reader.kind, Infinity),
      unreadable: traceparent === undefined && raw !== undefined && raw !== null,
    };
  } catch {
    return { ...nothing, unreadable: true };
  }
}

const nothing: OfferedFields = Object.freeze({
  traceparent: undefined,
  tracestate: undefined,
  baggage: undefined,
  unreadable: false,
});

/** Returns the valid span context that a carrier holds, without its `tracestate`. Never throws. */
export function carriedContext(
  carrier: unknown,
  reader: CarrierReader,
  limits: Limits = defaultLimits,
): SpanContext | undefined {
  const { traceparent } = readFields(carrier, reader, limits);
  const spanContext = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  return spanContext !== undefined && isSpanContextValid(spanContext) ? spanContext : undefined;
}

function traceparentText(raw: unknown, kind: CarrierKind, limits: Limits): string | undefined {
  if (typeof raw === 'string') return raw.length <= limits.fieldBytes ? raw : undefined;
  if (kind === 'meta') return undefined;
  if (!Array.isArray(raw)) return asciiText(raw, limits.fieldBytes);
  if (raw.length === 1) return asciiText(raw[0], limits.fieldBytes);
  if (kind === 'http') return undefined;
  // Bounded from the end: the last valid one counts, and a carrier may repeat a field without end.
  for (let at = raw.length - 1; at >= 0 && at >= raw.length - MAX_REPEATS; at--) {
    const candidate = asciiText(raw[at], limits.fieldBytes);
    if (candidate !== undefined && parseTraceparent(candidate) !== undefined) return candidate;
  }
  return undefined;
}

const MAX_REPEATS = 64;

// `tracestate` and `baggage` are lists: repeated fields are one list (RFC 9110, 5.3).
function listText(raw: unknown, kind: CarrierKind, most: number): string | undefined {
  if (typeof raw === 'string') return raw.length <= most ? raw : undefined;
  if (kind === 'meta') return undefined;
  if (!Array.isArray(raw)) return text(raw, most);
  const parts: string[] = [];
  for (const part of raw.slice(0, MAX_REPEATS)) {
    const partText = text(part, most);
    if (partText !== undefined) parts.push(partText);
  }
  return parts.length === 0 ? undefined : parts.join(',');
}

const decoder = new TextDecoder();
// Longer bytes are not decoded at all; whatever is cut here is past every default limit.
const MAX_BYTES = 65_536;

function text(raw: unknown, most: number): string | undefined {
  if (typeof raw === 'string') return raw.length <= most ? raw : undefined;
  if (!(raw instanceof Uint8Array) || raw.byteLength > Math.min(most, MAX_BYTES)) return undefined;
  return decoder.decode(raw);
}

// For a field whose grammar is ASCII: other bytes make it invalid, whatever they are read as.
function asciiText(raw: unknown, most: number): string | undefined {
  if (typeof Buffer === 'undefined' || !(raw instanceof Buffer)) return text(raw, most);
  return raw.length <= Math.min(most, MAX_BYTES) ? raw.toString('latin1') : undefined;
}

function readAnyCase(carrier: unknown, field: string): unknown {
  if (!isObject(carrier)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(carrier);
  if (prototype !== Object.prototype && prototype !== null) {
    if (typeof Headers !== 'undefined' && carrier instanceof Headers) return carrier.get(field) ?? undefined;
    if (carrier instanceof Map) return readPairs(carrier, field);
    if (Array.isArray(carrier)) return readPairs(carrier.filter(Array.isArray) as unknown[][], field);
  }
  let found: unknown;
  // To list the keys of each message would make an array of them.
  for (const key in carrier) {
    if (key.length === field.length && isField(key, field) && Object.hasOwn(carrier, key)) {
      found = withValue(found, carrier[key]);
    }
  }
  return found;
}

function readPairs(pairs: Iterable<readonly unknown[]>, field: string): unknown {
  let found: unknown;
  for (const [key, value] of pairs) if (isField(key, field)) found = withValue(found, value);
  return found;
}

// A field that is repeated, in other letter cases too, is an array of its values.
function withValue(found: unknown, value: unknown): unknown {
  if (value === undefined || value === null) return found;
  return found === undefined ? value : [found, value].flat();
}

/** Whether `key` (text, or the bytes of text) names `field` in any letter case. */
export function isField(key: unknown, field: string): boolean {
  if (typeof key === 'string') return key === field || (key.length === field.length && key.toLowerCase() === field);
  return key instanceof Uint8Array && key.byteLength === field.length && decoder.decode(key).toLowerCase() === field;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
