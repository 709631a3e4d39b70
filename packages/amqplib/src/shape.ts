import { holdsFields, messageHeaders, writeRecord } from '@throughline/core/adapter';
import type { MessageShape } from '@throughline/core/messaging';
import type { Described } from './message.ts';

/** A message on its way out: what `publish` is given, with its headers apart. */
export interface Outgoing extends Described {
  /** `null` where nothing can be written: the client says what is wrong. */
  readonly headers: Readonly<Record<string, unknown>> | undefined | null;
}

/** How amqplib takes a message: headers are a record in the options. */
export const publishOptions: MessageShape = {
  reader: messageHeaders,
  headers: (message) => (message as Outgoing).headers,
  holdsFields,
  writer: (sending) => (message, headers) => ({
    ...message,
    headers: writeRecord(headers as Readonly<Record<string, unknown>> | undefined, sending),
  }),
};

/** Returns the headers of the options of `publish`, as amqplib reads them: what they inherit counts. */
export function headersOf(options: unknown): Outgoing['headers'] {
  if (options === undefined || options === null) return undefined;
  if (typeof options !== 'object') return null;
  const { headers } = options as { headers?: unknown };
  if (headers === undefined || headers === null) return undefined;
  if (typeof headers !== 'object') return null;
  return isPlain(headers) ? (headers as Record<string, unknown>) : flat(headers);
}

/** What amqplib reads of the options of `publish`. */
const OPTION_NAMES = [
  'expiration',
  'userId',
  'CC',
  'BCC',
  'mandatory',
  'persistent',
  'deliveryMode',
  'contentType',
  'contentEncoding',
  'priority',
  'correlationId',
  'replyTo',
  'messageId',
  'timestamp',
  'type',
  'appId',
];

/** Returns a copy of the options of `publish` with these headers, and without `reply`, which is ours. */
export function optionsWith(options: object | null | undefined, headers: Outgoing['headers']): object {
  if (options === undefined || options === null) return { headers };
  const copy: Record<string, unknown> = { ...options, headers };
  if (!isPlain(options)) {
    const source = options as Record<string, unknown>;
    for (const name of OPTION_NAMES) if (name in source) copy[name] = source[name];
  }
  if ('reply' in copy) delete copy['reply'];
  return copy;
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

function flat(headers: object): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const name in headers) {
    const value = (headers as Record<string, unknown>)[name];
    // Defined, not assigned: `__proto__` is a header name like any other.
    Object.defineProperty(copy, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}
