import { context as contextApi } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import type { HopSettings } from '../policy/settings.ts';
import type { InboundHop, OutboundHop, Sending } from './hop.ts';
import { runInbound, runOutbound } from './runner.ts';

/**
 * Returns what `fn` returns, run in the context of an inbound hop that ends when `fn` returns, or its promise settles. A
 * thrown value comes out as the same object. Throws a `LineageError` for a hop that is refused.
 */
export function receive<T>(hop: InboundHop, fn: (context: Context, span: Span) => T, settings?: HopSettings): T {
  return runInbound(hop, settings, { work: ({ context, span }) => fn(context, span) });
}

/**
 * Returns what `fn` returns, called with the fields to send, under an outbound hop that ends when `fn` returns, or its
 * promise settles. `fn` runs in the hop's context: run the library's own function in `sending.inner`. A thrown value
 * comes out as the same object. Throws a `LineageError` for a hop that is refused.
 */
export function send<T>(
  hop: OutboundHop,
  fn: (fields: Readonly<Record<string, string>>, context: Context, sending: Sending) => T,
  settings?: HopSettings,
): T {
  return runOutbound(hop, settings, {
    call: (sending) => contextApi.with(sending.context, () => fn(sending.fields, sending.context, sending)),
  });
}
