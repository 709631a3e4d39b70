import { context as contextApi } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import type { InboundHop, OutboundHop, Sending } from './hop.ts';
import { startInbound } from './inbound.ts';
import { startOutbound } from './outbound.ts';
import type { HopSettings } from '../policy/settings.ts';
import { whenSettled } from './settled.ts';

/**
 * Returns what `fn` returns, run in the context of an inbound hop that ends when `fn` returns, or its promise settles. A
 * thrown value comes out as the same object. Throws a `LineageError` for a hop that is refused.
 */
export function receive<T>(hop: InboundHop, fn: (context: Context, span: Span) => T, settings?: HopSettings): T {
  const received = startInbound(hop, settings);
  if (received.refused !== undefined) {
    received.end();
    throw received.error;
  }
  return whenSettled(
    () => contextApi.with(received.context, () => fn(received.context, received.span)),
    (failed, error) => received.end(failed ? { error } : undefined),
  );
}

/**
 * Returns what `fn` returns, called with the fields to send, under an outbound hop that ends when `fn` returns, or its
 * promise settles. `fn` runs in the caller's context: run the library's own function in `sending.inner`. A thrown value
 * comes out as the same object. Throws a `LineageError` for a hop that is refused.
 */
export function send<T>(
  hop: OutboundHop,
  fn: (fields: Readonly<Record<string, string>>, context: Context, sending: Sending) => T,
  settings?: HopSettings,
): T {
  const sending = startOutbound(hop, settings);
  if (sending.refused !== undefined) {
    sending.end();
    throw sending.error;
  }
  return whenSettled(
    () => contextApi.with(sending.context, () => fn(sending.fields, sending.context, sending)),
    (failed, error) => sending.end(failed ? { error } : undefined),
  );
}
