import { messageHeaders, writeRecord } from '@throughline/core/adapter';
import type { FieldValues, MessageShape } from '@throughline/core/messaging';
import { copyOfInstance, isPlain } from './copy.ts';
import type { MessageLike } from './message.ts';

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
  writer: (fields) => (message, headers) =>
    withHeaders(message, writeRecord(headers as Record<string, unknown> | undefined, fields)),
  plainWriter: (values) => (message, headers) => withHeaders(message, withFields(headers, values)),
  // kafkajs encodes the headers of each message, and takes a sixth less for bytes. Of few, text is what people find in logs and mocks.
  bytesFrom: 8,
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

function withHeaders(message: object, headers: object): object {
  return isPlain(message) ? { ...message, headers } : copyOfInstance(message, MESSAGE_MEMBERS, 'headers', headers);
}

// Assigned one by one: a second spread costs more than the first.
function withFields(headers: object | undefined, { traceparent, tracestate, baggage }: FieldValues): object {
  const copy: Record<string, unknown> = { ...headers };
  if (traceparent !== undefined) copy['traceparent'] = traceparent;
  if (tracestate !== undefined) copy['tracestate'] = tracestate;
  if (baggage !== undefined) copy['baggage'] = baggage;
  return copy;
}
