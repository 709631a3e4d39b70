import { messageHeaders, writeRecord } from '@throughline/core';
import type { MessageShape, WrittenFields } from '@throughline/core/messaging';
import { copyWith } from './copy.ts';
import type { MessageLike } from './message.ts';

const W3C_FIELDS = ['traceparent', 'tracestate', 'baggage'];
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
  write: (message, headers, fields, w3c) =>
    copyWith(message, MESSAGE_MEMBERS, 'headers', writeFields(headers, fields, w3c)),
};

/** Whether a record of headers holds `traceparent`, `tracestate` or `baggage` in any letter case. */
function holdsFields(headers: object): boolean {
  // Most headers are told apart by their length.
  for (const key of Object.keys(headers)) {
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

/** Returns a copy of headers with the fields of a hop written as its mode says; the quick way where they hold none. */
function writeFields(headers: object | undefined, sending: WrittenFields, quick: boolean): object {
  if (quick && sending.mode !== 'strip' && (headers === undefined || !holdsFields(headers))) {
    const copy: Record<string, unknown> = { ...headers };
    // Assigned one by one: a second spread costs more than the first.
    for (const field of W3C_FIELDS) {
      const text = sending.fields[field];
      if (text !== undefined) copy[field] = text;
    }
    return copy;
  }
  return writeRecord(headers as Record<string, unknown> | undefined, sending);
}
