import { context as contextApi } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import type { InboundHop, OutboundHop, Outcome, Sending } from './hop.ts';
import { startInbound } from './inbound.ts';
import { startOutbound } from './outbound.ts';
import type { HopSettings } from './settings.ts';

/**
 * Returns what `fn` returns, run in the context of an inbound hop that ends when `fn` returns, or its promise settles. A
 * thrown value comes out as the same object.
 */
export function receive<T>(hop: InboundHop, fn: (context: Context, span: Span) => T, settings?: HopSettings): T {
  const received = startInbound(hop, settings);
  return untilSettled(received, received.context, () => fn(received.context, received.span));
}

/**
 * Returns what `fn` returns, called with the fields to send, under an outbound hop that ends when `fn` returns, or its
 * promise settles. `fn` runs in the caller's context: run the library's own function in `sending.inner`. A thrown value
 * comes out as the same object.
 */
export function send<T>(
  hop: OutboundHop,
  fn: (fields: Readonly<Record<string, string>>, context: Context, sending: Sending) => T,
  settings?: HopSettings,
): T {
  const sending = startOutbound(hop, settings);
  return untilSettled(sending, sending.context, () => fn(sending.fields, sending.context, sending));
}

function untilSettled<T>(end: { end(outcome?: Outcome): void }, context: Context, fn: () => T): T {
  let result: T;
  try {
    result = contextApi.with(context, fn);
  } catch (error) {
    end.end({ error });
    throw error;
  }
  if (!isThenable(result)) {
    end.end();
    return result;
  }
  return result.then(
    (value: unknown) => {
      end.end();
      return value;
    },
    (error: unknown) => {
      end.end({ error });
      throw error;
    },
  ) as T;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
