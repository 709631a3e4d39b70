import type { Context } from '@opentelemetry/api';
import { SpanKind } from '@opentelemetry/api';
import { messageHeaders, startInbound, startOutbound, writeRecord } from '@throughline/core';
import type { HopOptions, Sending } from '@throughline/core';
import { KAFKA } from './conventions.ts';
import type { MessageHeaders, MessageLike } from './message.ts';
import { rememberedSettings } from './options.ts';
import type { InjectOptions } from './options.ts';

/** Whether a record of headers holds `traceparent`, `tracestate` or `baggage` in any letter case. */
export function holdsFields(headers: object): boolean {
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

/** Whether the fields of a hop are W3C's alone, and not those of a foreign propagator. */
export function areW3C(fields: Readonly<Record<string, string>>): boolean {
  for (const name in fields) if (name !== 'traceparent' && name !== 'tracestate' && name !== 'baggage') return false;
  return true;
}

/** What a hop writes, and how. */
export type Fields = Pick<Sending, 'fields' | 'mode' | 'keepsValid'>;

/** Returns a copy of headers with the fields of a hop written as its mode says; the quick way where they hold none. */
export function writeFields(headers: object | undefined, sending: Fields, quick: boolean): object {
  if (quick && sending.mode !== 'strip' && (headers === undefined || !holdsFields(headers)))
    return { ...headers, ...sending.fields };
  return writeRecord(headers as Record<string, unknown> | undefined, sending);
}

/**
 * Returns a copy of `headers` that carries the active trace context and baggage, for a client that is not wrapped. Opens no
 * span. With no active span, valid fields that are there stay.
 *
 * @example
 * ```ts
 * await producer.send({ topic, messages: [{ value, headers: injectHeaders({ attempt: '1' }) }] });
 * ```
 */
export function injectHeaders(headers?: Readonly<MessageHeaders>, options?: InjectOptions): MessageHeaders {
  const name = options?.topic;
  const sending = startOutbound(
    {
      transport: KAFKA,
      name: 'inject',
      kind: SpanKind.PRODUCER,
      target: { transport: KAFKA, channel: 'broker', name },
      span: false,
    },
    rememberedSettings(options),
  );
  sending.end();
  return writeRecord(headers, sending) as MessageHeaders;
}

/**
 * Returns the context that a received message was created in, with its baggage, on an otherwise empty context: under the
 * inbound policy and the limits, as a wrapped consumer takes it. Never throws. Opens no span.
 *
 * @example
 * ```ts
 * context.with(extractContext(message), () => handle(message));
 * ```
 */
export function extractContext(message: MessageLike | null | undefined, options?: HopOptions): Context {
  const received = startInbound(
    {
      transport: KAFKA,
      name: 'extract',
      kind: SpanKind.CONSUMER,
      carrier: headersOf(message),
      reader: messageHeaders,
      span: false,
    },
    rememberedSettings(options),
  );
  received.end();
  return received.context;
}

/**
 * Returns a copy of a received message's headers that can be sent on, to a retry or dead-letter topic: values that the
 * encoder refuses, such as a received null, are dropped; numbers and booleans become text.
 *
 * @example
 * ```ts
 * await producer.send({ topic: 'orders.dead', messages: [{ key: message.key, value: message.value, headers: forwardHeaders(message) }] });
 * ```
 */
export function forwardHeaders(message: MessageLike | null | undefined): MessageHeaders {
  const copy: MessageHeaders = {};
  const headers = headersOf(message);
  if (typeof headers !== 'object' || headers === null) return copy;
  for (const key of Object.keys(headers)) {
    const held: unknown = (headers as Record<string, unknown>)[key];
    const value = Array.isArray(held) ? held.flatMap((part) => encodable(part) ?? []) : encodable(held);
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    // Defined, not assigned: `__proto__` is a header name like any other.
    Object.defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

function encodable(value: unknown): Buffer | string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      if (Buffer.isBuffer(value)) return value;
      // kafkajs would send the digits of other byte arrays, as text.
      return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : undefined;
  }
}

function headersOf(message: MessageLike | null | undefined): unknown {
  try {
    return message?.headers;
  } catch {
    return undefined;
  }
}
