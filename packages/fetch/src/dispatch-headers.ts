import { writeRecord } from '@throughline/core/adapter';
import type { Sending } from '@throughline/core/adapter';
import { writePairs } from './request-headers.ts';

/** The headers of a dispatch, read once from any form that undici takes: flat `[name, value, …]`, a record, an iterable of pairs. */
export interface DispatchHeaders {
  /** Pairs, or a record. */
  readonly carrier: unknown;
  /** Returns a copy with the fields of a hop written; what undici does not take comes back as it is, for undici to report. */
  write(sending: Sending): unknown;
  /** The headers where nothing is to be written: the very same, unless reading used them up. */
  readonly unchanged: unknown;
}

/** Returns the headers of a dispatch in a form to read and to write. Changes nothing of them. */
export function dispatchHeaders(headers: unknown): DispatchHeaders {
  if (headers === undefined || headers === null) {
    return { carrier: undefined, write: (sending) => writeRecord(undefined, sending), unchanged: headers };
  }
  if (typeof headers !== 'object') return asItIs(headers);
  if (Array.isArray(headers)) {
    if (headers.length > 0 && headers.every((pair) => Array.isArray(pair))) {
      return { carrier: headers, write: (sending) => writePairs(headers, sending), unchanged: headers };
    }
    return headers.length % 2 === 0 ? flat(pairsOf(headers), headers) : asItIs(headers);
  }
  if (isIterable(headers)) {
    const pairs = Array.from(headers);
    // Not an array, which undici would read as flat.
    if (!pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) return asItIs(new Set(pairs));
    return flat(pairs as unknown[][], pairs.flat());
  }
  return {
    carrier: headers,
    write: (sending) => writeRecord(headers as Record<string, unknown>, sending, 'http'),
    unchanged: headers,
  };
}

function flat(pairs: unknown[][], unchanged: unknown): DispatchHeaders {
  return { carrier: pairs, write: (sending) => writePairs(pairs, sending).flat(), unchanged };
}

function asItIs(headers: unknown): DispatchHeaders {
  return { carrier: undefined, write: () => headers, unchanged: headers };
}

function pairsOf(headers: readonly unknown[]): unknown[][] {
  const pairs: unknown[][] = [];
  for (let at = 0; at < headers.length; at += 2) pairs.push([headers[at], headers[at + 1]]);
  return pairs;
}

// As undici does: an iterator that a record inherits from a polluted Object.prototype does not count.
function isIterable(headers: object): headers is Iterable<unknown> {
  if (!(Symbol.iterator in headers)) return false;
  return Object.hasOwn(headers, Symbol.iterator) || Object.getPrototypeOf(headers) !== Object.prototype;
}
