import { messageHeaders, writeRecord } from '@throughline/core';
import type { MessageShape } from '@throughline/core/messaging';
import { copyWith } from './copy.ts';
import type { MessageLike } from './message.ts';

/**
 * From so many messages of one send on its fields are bytes: kafkajs encodes the headers of each message, and takes a sixth less for
 * bytes. Below, text is what people find in logs and mocks.
 */
const MANY = 8;

const MESSAGE_MEMBERS = ['key', 'value', 'partition', 'timestamp', 'headers'];

/** How kafkajs takes a message: headers are a record. */
export const recordHeaders: MessageShape = {
  reader: messageHeaders,
  headers(message) {
    if (typeof message !== 'object' || message === null) return null;
    const { headers } = message as MessageLike;
    return headers === undefined || typeof headers === 'object' ? headers : null;
  },
  holdsFields,
  writer(sending, plain, count) {
    if (!plain) {
      return (message, headers) => {
        const written = writeRecord(headers as Record<string, unknown> | undefined, sending);
        return copyWith(message, MESSAGE_MEMBERS, 'headers', written);
      };
    }
    const fields = count < MANY ? sending.fields : encoded(sending.fields);
    return (message, headers) => copyWith(message, MESSAGE_MEMBERS, 'headers', withFields(headers, fields));
  },
};

/** Whether a record of headers holds `traceparent`, `tracestate` or `baggage` in any letter case. */
function holdsFields(headers: object): boolean {
  // Also of what it inherits, which does no harm: to list its own keys would make an array for each message.
  for (const key in headers) {
    // Most headers are told apart by their length.
    switch (key.length) {
      case 11:
        if (key === 'traceparent' || key.toLowerCase() === 'traceparent') return true;
        break;
      case 10:
        if (key === 'tracestate' || key.toLowerCase() === 'tracestate') return true;
        break;
      case 7:
        if (key === 'baggage' || key.toLowerCase() === 'baggage') return true;
        break;
    }
  }
  return false;
}

type Fields<V> = { readonly [Field in 'traceparent' | 'tracestate' | 'baggage']?: V | undefined };

function encoded(fields: Fields<string>): Fields<Buffer> {
  return {
    traceparent: bytesOf(fields.traceparent),
    tracestate: bytesOf(fields.tracestate),
    baggage: bytesOf(fields.baggage),
  };
}

function bytesOf(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text);
}

// Assigned one by one: a second spread costs more than the first.
function withFields(
  headers: object | undefined,
  { traceparent, tracestate, baggage }: Fields<Buffer | string>,
): object {
  const copy: Record<string, unknown> = { ...headers };
  if (traceparent !== undefined) copy['traceparent'] = traceparent;
  if (tracestate !== undefined) copy['tracestate'] = tracestate;
  if (baggage !== undefined) copy['baggage'] = baggage;
  return copy;
}
