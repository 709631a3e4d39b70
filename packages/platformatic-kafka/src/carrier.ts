import type { Context } from '@opentelemetry/api';
import { hopSettings, remembering, writeMap } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import { kafka, messageContext, messageFields } from '@throughline/core/messaging';
import { headersOf } from './message.ts';
import type { MessageLike } from './message.ts';
import { scope } from './options.ts';
import { encoded } from './shape.ts';

/** The options of {@link injectHeaders}. */
export interface InjectOptions extends HopOptions {
  /** The topic that the message goes to, for an outbound policy that asks. */
  readonly topic?: string | undefined;
  /** What the producer's header serializers take. Default `buffer`, for a producer without any. */
  readonly headers?: 'buffer' | 'string' | undefined;
}

const settingsOf = remembering((options: HopOptions | undefined) => hopSettings(options, scope, ['topic', 'headers']));

const asBuffer = (text: string): Buffer => Buffer.from(text);
const asText = (text: string): string => text;

/**
 * Returns a copy of `headers` that carries the active trace context and baggage, for a producer that is not wrapped. Opens no
 * span. With no active span, valid fields that are there stay. Throws a `LineageError` where the chain is past a limit and
 * `lineage` enforces it.
 */
export function injectHeaders(headers?: ReadonlyMap<unknown, unknown>, options?: InjectOptions): Map<unknown, unknown> {
  const { fields, mode, keepsValid, foreign } = messageFields(kafka, options?.topic, settingsOf(options));
  const encode = options?.headers === 'string' ? asText : asBuffer;
  return writeMap(headers, { fields: encoded(fields, encode), mode, keepsValid, foreign }, encode);
}

/**
 * Returns the context that a received message was created in, with its baggage, on an otherwise empty context. Never throws.
 * Opens no span.
 *
 * @example
 * ```ts
 * context.with(extractContext(message), () => handle(message));
 * ```
 */
export function extractContext(message: MessageLike | null | undefined, options?: HopOptions): Context {
  return messageContext(kafka, headersOf(message), settingsOf(options));
}

/**
 * Returns a copy of a received message's headers that can be sent on, to a retry or dead-letter topic: headers without a value
 * are dropped, because serializers and other clients trip over them. Repeated headers stay where keys are bytes.
 *
 * @example
 * ```ts
 * await producer.send({ messages: [{ topic: 'orders.dead', value: message.value, headers: forwardHeaders(message) }] });
 * ```
 */
export function forwardHeaders<K, V>(message: { readonly headers?: ReadonlyMap<K, V> | null | undefined }): Map<K, V> {
  const { headers, headerEntries } = message as {
    headers?: ReadonlyMap<K, V> | null;
    headerEntries?: readonly (readonly [K, V])[];
  };
  const copy = new Map<K, V>();
  for (const [key, value] of headerEntries ?? headers ?? []) {
    if (key !== undefined && key !== null && value !== undefined && value !== null) copy.set(key, value);
  }
  return copy;
}
