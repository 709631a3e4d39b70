import { carriedContext, messageHeaders, writeRecord } from '@throughline/core/adapter';
import type { MessageShape, WrittenFields } from '@throughline/core/messaging';
import type { HeaderEncoder } from './encoder.ts';

/** How the client takes a message: headers are a Map, or a record. */
export function mapHeaders({ key, value }: HeaderEncoder): MessageShape {
  const writer: MessageShape['writer'] = (fields) => (message, headers) => {
    if (key === undefined || value === undefined) return message;
    const copy =
      headers === undefined || headers instanceof Map
        ? writeMap(headers, fields, key, value)
        : encoded(writeRecord(headers as Record<string, unknown>, fields), fields, value);
    return { ...message, headers: copy };
  };
  return {
    reader: messageHeaders,
    headers(message) {
      if (typeof message !== 'object' || message === null || key === undefined || value === undefined) return null;
      const { headers } = message as { headers?: unknown };
      return headers === undefined || (typeof headers === 'object' && headers !== null) ? headers : null;
    },
    holdsFields,
    writer,
    plainWriter: (values) => writer({ fields: values as Record<string, string>, mode: 'write', keepsValid: false }),
    // The producer's own serializers may take nothing but text.
    bytesFrom: Infinity,
  };
}

/** Returns a copy of a Map of headers with the fields of a hop written as its mode says: `writeRecord`, for a Map. */
export function writeMap(
  headers: ReadonlyMap<unknown, unknown> | undefined,
  { fields, mode, keepsValid }: WrittenFields,
  key: (text: string) => unknown,
  value: (text: string) => unknown,
): Map<unknown, unknown> {
  const copy = new Map<unknown, unknown>();
  let kept = false;
  if (headers !== undefined && headers.size > 0) {
    const keeps =
      mode === 'keep' || (mode === 'write' && keepsValid && carriedContext(headers, messageHeaders) !== undefined);
    for (const [name, held] of headers) {
      if (isOwned(name, fields)) {
        if (!keeps || !isFieldValue(held)) continue;
        kept = true;
      }
      copy.set(name, held);
    }
  }
  if (mode === 'strip' || kept) return copy;
  for (const name of Object.keys(fields)) copy.set(key(name), value(fields[name] as string));
  return copy;
}

// What `writeRecord` wrote is text; what it kept stays as it is.
function encoded(
  record: Record<string, unknown>,
  { fields }: WrittenFields,
  value: (text: string) => unknown,
): Record<string, unknown> {
  for (const name of Object.keys(fields))
    if (record[name] === fields[name]) record[name] = value(fields[name] as string);
  return record;
}

function holdsFields(headers: object): boolean {
  if (headers instanceof Map) {
    for (const name of headers.keys()) if (isOwned(name, w3c)) return true;
    return false;
  }
  for (const name of Object.keys(headers)) if (isOwned(name, w3c)) return true;
  return false;
}

const w3c = {};

function isOwned(name: unknown, fields: Readonly<Record<string, string>>): boolean {
  const length = typeof name === 'string' ? name.length : name instanceof Uint8Array ? name.byteLength : 0;
  if (length === 11) return textOf(name) === 'traceparent' || isForeign(textOf(name), fields);
  if (length === 10) return textOf(name) === 'tracestate' || isForeign(textOf(name), fields);
  if (length === 7) return textOf(name) === 'baggage' || isForeign(textOf(name), fields);
  return isForeign(textOf(name), fields);
}

// The names that a foreign propagator writes.
function isForeign(name: string, fields: Readonly<Record<string, string>>): boolean {
  for (const field in fields) if (field.toLowerCase() === name) return true;
  return false;
}

function textOf(name: unknown): string {
  if (typeof name === 'string') return name.toLowerCase();
  return name instanceof Uint8Array ? Buffer.from(name).toString('latin1').toLowerCase() : '';
}

function isFieldValue(value: unknown): boolean {
  return typeof value === 'string' || value instanceof Uint8Array;
}
