import { httpHeaders, writeHeaders, writeRecord } from '@throughline/core/adapter';
import type { CarrierReader, Sending } from '@throughline/core/adapter';

/** The headers of a request in the forms that fetch takes: `Headers` of any implementation, pairs, a record. */
export const requestHeaders: CarrierReader = {
  kind: 'http',
  read: (carrier, field) => (isHeaders(carrier) ? (carrier.get(field) ?? undefined) : httpHeaders.read(carrier, field)),
};

/**
 * Returns headers that may be read more than once: an iterable other than an array, which may be one that can be read only
 * once, as an array; anything else as it is.
 */
export function rereadable(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers) || isHeaders(headers)) return headers;
  return Symbol.iterator in headers ? Array.from(headers as Iterable<unknown>) : headers;
}

/**
 * Returns a copy of a request's headers with the fields of a hop written: a record for a record or for nothing, pairs for
 * pairs, so that a fetch which spreads `init.headers` still finds them; `Headers` for all else that `new Headers` takes. What
 * it does not take comes back as it is, for fetch to report.
 */
export function writeRequestHeaders(headers: unknown, sending: Sending): unknown {
  if (headers === undefined) return writeRecord(undefined, sending);
  if (typeof headers !== 'object' || headers === null) return headers;
  if (isPairs(headers)) return writePairs(headers, sending);
  if (!isHeaders(headers) && !Array.isArray(headers))
    return writeRecord(headers as Record<string, unknown>, sending, 'http');
  try {
    return writeHeaders(headers as HeadersInit, sending);
  } catch {
    return headers;
  }
}

/** Returns a copy of `[name, value]` pairs with the fields of a hop written, by the rule that core has for a record. */
export function writePairs(pairs: readonly (readonly unknown[])[], sending: Sending): [unknown, unknown][] {
  const copy: [unknown, unknown][] = [];
  // No prototype: a foreign propagator may call its field anything.
  const held = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of pairs) {
    if (typeof name !== 'string' || !isOwnField(name.toLowerCase(), sending)) copy.push([name, value]);
    else held[name] = name in held ? [held[name], value].flat() : value;
  }
  for (const [name, values] of Object.entries(writeRecord(held, sending, 'http'))) {
    for (const value of [values].flat()) copy.push([name, value]);
  }
  return copy;
}

function isOwnField(name: string, sending: Sending): boolean {
  if (name === 'traceparent' || name === 'tracestate' || name === 'baggage') return true;
  // The names that a foreign propagator writes, in the letter case that it likes.
  for (const field in sending.fields) if (field.length === name.length && field.toLowerCase() === name) return true;
  return sending.foreign?.includes(name) === true;
}

function isPairs(headers: object): headers is unknown[][] {
  return Array.isArray(headers) && headers.every((pair) => Array.isArray(pair) && pair.length === 2);
}

/** Whether this is the `Headers` of some implementation of fetch, which need not be the global one. */
export function isHeaders(headers: unknown): headers is Headers {
  if (typeof headers !== 'object' || headers === null) return false;
  const { get, append } = headers as Partial<Headers>;
  return typeof get === 'function' && typeof append === 'function';
}
