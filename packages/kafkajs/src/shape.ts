import { messageHeaders, writeRecord } from '@throughline/core';
import type { MessageShape } from '@throughline/core/messaging';
import { copyWith } from './copy.ts';
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
  write: (message, headers, sending, plain) =>
    copyWith(
      message,
      MESSAGE_MEMBERS,
      'headers',
      plain
        ? withFields(headers, sending.fields)
        : writeRecord(headers as Record<string, unknown> | undefined, sending),
    ),
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

// Assigned one by one: a second spread costs more than the first.
function withFields(
  headers: object | undefined,
  { traceparent, tracestate, baggage }: { readonly [Field in W3CField]?: string },
): object {
  const copy: Record<string, unknown> = { ...headers };
  if (traceparent !== undefined) copy['traceparent'] = traceparent;
  if (tracestate !== undefined) copy['tracestate'] = tracestate;
  if (baggage !== undefined) copy['baggage'] = baggage;
  return copy;
}

type W3CField = 'traceparent' | 'tracestate' | 'baggage';
