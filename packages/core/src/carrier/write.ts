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
  /** Names, in lower case, of what a foreign propagator owns beside the three fields: they go where those go. */
  readonly foreign?: readonly string[] | undefined;
}

/** What is written, with values as the carrier holds them: text, or what the adapter made of it. */
interface Written<F> {
  readonly fields: Readonly<Record<string, F>>;
  readonly mode: FieldsMode;
  readonly keepsValid: boolean;
  readonly foreign?: readonly string[] | undefined;
}

const readers = { http: httpHeaders, message: messageHeaders, meta: metaFields };

/**
 * Returns a copy of a record carrier with the fields of a hop written as its mode says. The three fields are one unit: with
 * something of ours to write the copy first loses all three, in every letter case. A field of a wrong type is never
 * passed on. The record itself is not changed.
 */
export function writeRecord<V = unknown, F = string>(
  record: Readonly<Record<string, V>> | undefined | null,
  sending: Written<F>,
  kind: CarrierKind = 'message',
): Record<string, V | F> {
  const { fields, mode, foreign } = sending;
  if (record === undefined || record === null) return mode === 'strip' ? {} : { ...fields };
  let owned = false;
  for (const key of Object.keys(record)) {
    if (isOwnedField(key, fields, foreign)) {
      owned = true;
      break;
    }
  }
  // The common case, and the fast one. Spread defines properties, so that a `__proto__` key stays a key.
  if (!owned) return mode === 'strip' ? { ...record } : { ...record, ...fields };
  const keeps = keepsFields(record, sending, kind);
  const copy: Record<string, V | F> = {};
  let kept = false;
  for (const key of Object.keys(record)) {
    const value = record[key] as V;
    if (isOwnedField(key, fields, foreign)) {
      if (!keeps || !isFieldValue(value, kind)) continue;
      kept = true;
    }
    define(copy, key, value);
  }
  if (mode === 'strip' || kept) return copy;
  for (const name of Object.keys(fields)) define(copy, name, fields[name] as F);
  return copy;
}

/** {@link writeRecord} for a Map of message headers, whose keys are text or bytes. `keyOf` makes a key of the name of a field. */
export function writeMap(
  headers: ReadonlyMap<unknown, unknown> | undefined,
  sending: Written<unknown>,
  keyOf: (name: string) => unknown,
): Map<unknown, unknown> {
  const { fields, mode, foreign } = sending;
  const copy = new Map<unknown, unknown>();
  let kept = false;
  if (headers !== undefined && headers.size > 0) {
    const keeps = keepsFields(headers, sending, 'message');
    for (const [name, value] of headers) {
      if (isOwnedField(name, fields, foreign)) {
        if (!keeps || !isFieldValue(value, 'message')) continue;
        kept = true;
      }
      copy.set(name, value);
    }
  }
  if (mode === 'strip' || kept) return copy;
  for (const name of Object.keys(fields)) copy.set(keyOf(name), fields[name]);
  return copy;
}

/**
 * Whether a Map or a record of headers holds `traceparent`, `tracestate` or `baggage` in any letter case, or one of the `foreign`
 * fields.
 */
export function holdsFields(headers: object, foreign?: readonly string[]): boolean {
  if (headers instanceof Map) {
    for (const name of headers.keys()) if (isOwnedField(name, noFields, foreign)) return true;
    return false;
  }
  // Also of what it inherits, which does no harm: to list its own keys would make an array for each message.
  for (const name in headers) if (isOwnedField(name, noFields, foreign)) return true;
  return false;
}

const noFields = {};

function keepsFields(carrier: unknown, { mode, keepsValid }: Written<unknown>, kind: CarrierKind): boolean {
  return mode === 'keep' || (mode === 'write' && keepsValid && carriedContext(carrier, readers[kind]) !== undefined);
}

/** Returns new `Headers` with the fields of a hop written as its mode says. Throws what `new Headers(init)` throws. */
export function writeHeaders(init: ConstructorParameters<typeof Headers>[0], sending: WrittenFields): Headers {
  const headers = new Headers(init);
  const { fields, mode, foreign = [] } = sending;
  const owned = [...w3cFields, ...foreign];
  const holds = owned.some((name) => headers.has(name));
  if (
    holds &&
    (mode === 'keep' ||
      (mode === 'write' && sending.keepsValid && parseTraceparent(headers.get('traceparent')) !== undefined))
  ) {
    return headers;
  }
  if (holds) for (const name of owned) headers.delete(name);
  if (mode !== 'strip') for (const name of Object.keys(fields)) headers.set(name, fields[name] as string);
  return headers;
}

function isOwnedField(
  key: unknown,
  fields: Readonly<Record<string, unknown>>,
  foreign: readonly string[] | undefined,
): boolean {
  const length = typeof key === 'string' ? key.length : key instanceof Uint8Array ? key.byteLength : 0;
  // Most keys are told apart by their length.
  switch (length) {
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
  // The names that a foreign propagator writes, and those that it says are its own.
  for (const name in fields) if (name.length === length && isField(key, name.toLowerCase())) return true;
  if (foreign === undefined) return false;
  for (const name of foreign) if (name.length === length && isField(key, name)) return true;
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
