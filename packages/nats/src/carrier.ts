import type { Context } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { messageContext, messageFields } from '@throughline/core/messaging';
import { mapOf, writtenHeaders } from './headers.ts';
import { isHeaders } from './message.ts';
import type { HeadersLike, MessageLike } from './message.ts';
import { rememberedSettings } from './options.ts';
import type { InjectOptions } from './options.ts';
import { nats } from './system.ts';

/**
 * Returns a copy of `headers`, or new ones, that carry the active trace context and baggage, for a connection that is not wrapped.
 * Opens no span. With no active span, valid fields that are there stay. Throws a `LineageError` where the chain is past a limit
 * and `lineage` enforces it.
 *
 * @example
 * ```ts
 * connection.publish('orders', payload, { headers: injectHeaders(headers()) });
 * ```
 */
export function injectHeaders<H extends HeadersLike>(headers: H, options?: InjectOptions): H {
  return writtenHeaders(headers, messageFields(nats, options?.subject, rememberedSettings(options))) as H;
}

/**
 * Returns the context that a received message was created in, with its baggage, on an otherwise empty context: under the inbound
 * policy and the limits, as a traced connection takes it. Never throws. Opens no span.
 *
 * @example
 * ```ts
 * context.with(extractContext(message), () => handle(message));
 * ```
 */
export function extractContext(
  message: Pick<MessageLike, 'headers'> | null | undefined,
  options?: HopOptions,
): Context {
  let headers: unknown;
  try {
    headers = message?.headers;
  } catch {
    // Headers that cannot be read: a getter threw.
  }
  return messageContext(nats, isHeaders(headers) ? mapOf(headers) : undefined, rememberedSettings(options));
}
