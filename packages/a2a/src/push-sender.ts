import { context as contextApi } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { hopSettings, sameType, suppressTracing, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import { executionOf } from './executions.ts';
import { checkMethods, scope } from './options.ts';
import { newsOfStream } from './task.ts';
import { PUSH, watchPushes } from './webhook.ts';
import type { Push } from './webhook.ts';

/** What a `PushNotificationSender` of `@a2a-js/sdk` has. */
export interface PushSenderLike {
  send(streamResponse: never, context: never, ...rest: never[]): Promise<unknown>;
}

type Send = (response: unknown, call: unknown, ...rest: unknown[]) => unknown;

/**
 * Returns a sender of push notifications of the same type: each request that it makes with Node's fetch has a CLIENT span below the work
 * that it tells of, where the executor is traced too, and carries the trace context to the webhook. A webhook belongs to whoever asked:
 * one that is not first-party gets no baggage. The sender that is handed in is not changed.
 *
 * @example
 * ```ts
 * const sender = tracePushSender(new DefaultPushNotificationSender(store), { agent: 'researcher' });
 * ```
 */
export function tracePushSender<S extends PushSenderLike>(sender: S, options?: HopOptions): S {
  checkMethods(sender, ['send'], 'tracePushSender', 'a `PushNotificationSender`');
  const settings = hopSettings(options, scope);
  if (wrapped(sender)) {
    warnIfRewrapped(sender, settings);
    return sender;
  }
  watchPushes();
  const target = sender as unknown as { readonly send: Send };
  const send: Send = (response, call, ...rest) => {
    const context = executionOf(call) ?? contextApi.active();
    const push: Push = { context, settings, news: newsOfStream(response) };
    // Nobody else adds a span or a header to the request.
    const inner = suppressTracing(context).setValue(PUSH, push);
    return contextApi.with(inner, () => target.send(response, call, ...rest));
  };
  return sameType(sender, { send }, settings);
}
