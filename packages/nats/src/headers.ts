import { headers as newHeaders } from '@nats-io/nats-core';
import { messageHeaders, writeMap, writeRecord } from '@throughline/core/adapter';
import type { CarrierReader, WrittenFields } from '@throughline/core/adapter';
import type { MessageShape } from '@throughline/core/messaging';
import { isHeaders } from './message.ts';
import type { HeadersLike } from './message.ts';

/** Reads the headers of NATS messages. Their names are told apart by letter case; those of the fields are read in any. */
export const natsHeaders: CarrierReader = {
  kind: 'message',
  read: (headers, field) => (isHeaders(headers) ? messageHeaders.read(mapOf(headers), field) : undefined),
};

/** Returns headers as a Map, which core reads and writes. */
export function mapOf(headers: HeadersLike | undefined): Map<string, string[]> | undefined {
  return headers === undefined ? undefined : new Map(headers);
}

/** Returns a copy of headers that holds the fields of a hop, or new headers. */
export function writtenHeaders(held: HeadersLike | undefined, sending: WrittenFields): HeadersLike {
  if (held === undefined) return headersWith(writeRecord(undefined, sending));
  const copy = held.code === 0 ? newHeaders() : newHeaders(held.code, held.description);
  for (const [name, values] of writeMap(mapOf(held), sending, (field) => field)) {
    for (const value of Array.isArray(values) ? (values as unknown[]) : [values])
      copy.append(name as string, value as string);
  }
  return copy;
}

function headersWith(fields: Readonly<Record<string, string>>): HeadersLike {
  const headers = newHeaders();
  for (const name in fields) headers.append(name, fields[name] as string);
  return headers;
}

/** How NATS takes a message: by the options of a call, which hold its headers. */
export const optionsShape: MessageShape = {
  reader: natsHeaders,
  headers(options) {
    if (typeof options !== 'object' || options === null) return null;
    const { headers } = options as { headers?: unknown };
    if (headers === undefined || headers === null) return undefined;
    return isHeaders(headers) ? headers : null;
  },
  holdsFields(headers, foreign) {
    const names = foreign === undefined ? FIELDS : new Set([...FIELDS, ...foreign]);
    for (const [name] of headers as HeadersLike) if (names.has(name.toLowerCase())) return true;
    return false;
  },
  writer: (sending) => (options, held) =>
    withHeaders(options, writtenHeaders(held as HeadersLike | undefined, sending)),
};

/** For servers that take no headers. */
export const withoutHeaders: MessageShape = { ...optionsShape, headers: () => null };

const FIELDS: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage']);

/** Returns a copy of a call's options, or of a message, with these headers. */
export function withHeaders<T extends object>(options: T, headers: HeadersLike): T {
  const prototype: unknown = Object.getPrototypeOf(options);
  if (prototype === Object.prototype || prototype === null) return { ...options, headers };
  // An instance of a class, such as a message: its accessors read what they always did.
  return Object.create(options, { headers: { value: headers, enumerable: true, writable: true } }) as T;
}
