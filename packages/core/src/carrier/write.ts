import { carriedContext, httpHeaders, isField, messageHeaders, metaFields } from './read.ts';
import type { CarrierKind } from './read.ts';
import { w3cFields } from '../w3c/trace-context.ts';
import { parseTraceparent } from '../w3c/traceparent.ts';

/**
 * What a copy of a carrier does with the fields that it holds already:
 * `write` loses all three and gets ours; `keep` keeps what is well-formed, and gets ours only where it held none; `strip`
 * loses all three.
 */
export type FieldsMode = 'write' | 'keep' | 'strip';

/** What a hop writes into a copy of its carrier, and how. */
export interface WrittenFields {
  /** Exactly what goes on the wire: names and values. Made when it is asked for. */
  readonly fields: Readonly<Record<string, string>>;
  readonly mode: FieldsMode;
  /** With `mode: 'write'`, whether a carrier that holds a valid `traceparent` stays as it is. */
  readonly keepsValid: boolean;
}

const readers = { http: httpHeaders, message: messageHeaders, meta: metaFields };

/**
 * Returns a copy of a record carrier with the fields of a hop written as its mode says. The three fields are one unit: with
 * something of ours to write the copy first loses all three, in every letter case. A field of a wrong type is never
 * passed on. The record itself is not changed.
 */
export function writeRecord<V = unknown>(
  record: Readonly<Record<string, V>> | undefined | null,
  sending: WrittenFields,
  kind: CarrierKind = 'message',
): Record<string, V | string> {
  const { fields, mode } = sending;
  if (record === undefined || record === null) return mode === 'strip' ? {} : { ...fields };
  let owned = false;
  for (const key of Object.keys(record)) {
    if (isOwnedField(key, fields)) {
      owned = true;
      break;
    }
  }
  // The common case, and the fast one. Spread defines properties, so that a `__proto__` key stays a key.
  if (!owned) return mode === 'strip' ? { ...record } : { ...record, ...fields };
  const keeps =
    mode === 'keep' || (mode === 'write' && sending.keepsValid && carriedContext(record, readers[kind]) !== undefined);
  const copy: Record<string, V | string> = {};
  let kept = false;
  for (const key of Object.keys(record)) {
    const value = record[key] as V;
    if (isOwnedField(key, fields)) {
      if (!keeps || !isFieldValue(value, kind)) continue;
      kept = true;
    }
    define(copy, key, value);
  }
  if (mode === 'strip' || kept) return copy;
  for (const name of Object.keys(fields)) define(copy, name, fields[name] as string);
  return copy;
}

/** Returns new `Headers` with the fields of a hop written as its mode says. Throws what `new Headers(init)` throws. */
export function writeHeaders(init: ConstructorParameters<typeof Headers>[0], sending: WrittenFields): Headers {
  const headers = new Headers(init);
  const { fields, mode } = sending;
  const holds = w3cFields.some((name) => headers.has(name));
  if (
    holds &&
    (mode === 'keep' ||
      (mode === 'write' && sending.keepsValid && parseTraceparent(headers.get('traceparent')) !== undefined))
  ) {
    return headers;
  }
  if (holds) for (const name of w3cFields) headers.delete(name);
  if (mode !== 'strip') for (const name of Object.keys(fields)) headers.set(name, fields[name] as string);
  return headers;
}

function isOwnedField(key: string, fields: Readonly<Record<string, string>>): boolean {
  switch (key.length) {
    case 11:
      if (isField(key, 'traceparent')) return true;
      break;
    case 10:
      if (isField(key, 'tracestate')) return true;
      break;
    case 7:
      if (isField(key, 'baggage')) return true;
      break;
  }
  // The names that a foreign propagator writes.
  for (const name in fields) if (name.length === key.length && name.toLowerCase() === key.toLowerCase()) return true;
  return false;
}

function isFieldValue(value: unknown, kind: CarrierKind): boolean {
  if (typeof value === 'string') return true;
  if (kind === 'meta') return false;
  if (Array.isArray(value)) return value.every((part) => typeof part === 'string' || part instanceof Uint8Array);
  return value instanceof Uint8Array;
}

function define<V>(record: Record<string, V>, key: string, value: V): void {
  if (key === '__proto__')
    Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true });
  else record[key] = value;
}
