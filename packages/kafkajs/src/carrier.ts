import type { Context } from '@opentelemetry/api';
import { writeRecord } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import { kafka, messageContext, messageFields } from '@throughline/core/messaging';
import type { MessageHeaders, MessageLike } from './message.ts';
import { rememberedSettings } from './options.ts';
import type { InjectOptions } from './options.ts';

/**
 * Returns a copy of `headers` that carries the active trace context and baggage, for a client that is not wrapped. Opens no
 * span. With no active span, valid fields that are there stay. Throws a `LineageError` where the chain is past a limit and
 * `lineage` enforces it.
 *
 * @example
 * ```ts
 * await producer.send({ topic, messages: [{ value, headers: injectHeaders({ attempt: '1' }) }] });
 * ```
 */
export function injectHeaders(headers?: Readonly<MessageHeaders>, options?: InjectOptions): MessageHeaders {
  const sending = messageFields(kafka, options?.topic, rememberedSettings(options));
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
  return messageContext(kafka, headersOf(message), rememberedSettings(options));
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
  try {
    for (const key of Object.keys(headers)) {
      const held: unknown = (headers as Record<string, unknown>)[key];
      const value = Array.isArray(held) ? held.flatMap((part) => encodable(part) ?? []) : encodable(held);
      if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
      // Defined, not assigned: `__proto__` is a header name like any other.
      Object.defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
    }
  } catch {
    // Headers that cannot be read: a getter threw.
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
