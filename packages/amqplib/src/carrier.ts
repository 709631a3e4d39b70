import type { Context } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { writeRecord } from '@throughline/core/adapter';
import { messageContext, messageFields } from '@throughline/core/messaging';
import { rabbitmq } from './message.ts';
import type { MessageLike } from './message.ts';
import { rememberedSettings } from './options.ts';
import type { InjectOptions } from './options.ts';

/** Headers as amqplib takes them: a table of AMQP. */
export interface MessageHeaders {
  [name: string]: unknown;
}

/**
 * Returns a copy of `headers` that carries the active trace context and baggage, for a channel that is not wrapped. Opens no
 * span. With no active span, valid fields that are there stay. Throws a `LineageError` where the chain is past a limit and
 * `lineage` enforces it.
 *
 * @example
 * ```ts
 * channel.sendToQueue('tasks', content, { headers: injectHeaders({ attempt: 1 }) });
 * ```
 */
export function injectHeaders(headers?: Readonly<MessageHeaders>, options?: InjectOptions): MessageHeaders {
  return writeRecord(headers, messageFields(rabbitmq, options?.destination, rememberedSettings(options)));
}

/**
 * Returns the context that a received message was created in, with its baggage, on an otherwise empty context: under the
 * inbound policy and the limits, as a wrapped channel takes it. Never throws. Opens no span.
 *
 * @example
 * ```ts
 * context.with(extractContext(message), () => handle(message));
 * ```
 */
export function extractContext(message: MessageLike | null | undefined, options?: HopOptions): Context {
  return messageContext(rabbitmq, headersOf(message), rememberedSettings(options));
}

// What the broker writes of a message that it dead-letters or delivers again, and by what it would route a copy once more.
const OF_THE_BROKER: ReadonlySet<string> = new Set(['x-death', 'x-delivery-count', 'CC', 'BCC']);
const OF_THE_BROKER_TOO = /^x-(?:first|last)-death-/;

/**
 * Returns a copy of a received message's headers that can be sent on, to a retry queue or an exchange of your own: without those that
 * the broker wrote of it (`x-death` makes RabbitMQ 3 drop it as a cycle) and those that route it again (`CC`, `BCC`).
 *
 * @example
 * ```ts
 * channel.sendToQueue('tasks.retry', message.content, { headers: forwardHeaders(message) });
 * ```
 */
export function forwardHeaders(message: MessageLike | null | undefined): MessageHeaders {
  const copy: MessageHeaders = {};
  const headers = headersOf(message);
  if (typeof headers !== 'object' || headers === null) return copy;
  try {
    for (const key of Object.keys(headers)) {
      if (OF_THE_BROKER.has(key) || OF_THE_BROKER_TOO.test(key)) continue;
      const value = (headers as MessageHeaders)[key];
      if (value === undefined) continue;
      // Defined, not assigned: `__proto__` is a header name like any other.
      Object.defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
    }
  } catch {
    // Headers that cannot be read: a getter threw.
  }
  return copy;
}

function headersOf(message: MessageLike | null | undefined): unknown {
  try {
    return message?.properties.headers;
  } catch {
    return undefined;
  }
}
