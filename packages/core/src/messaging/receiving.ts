import { context as contextApi } from '@opentelemetry/api';
import type { Received } from '../hop.ts';
import { telemetryFailed } from './failed.ts';
import { errorType } from '../outcome.ts';
import type { Refused } from '../refusal.ts';
import type { HopSettings } from '../settings.ts';
import { exempted } from '../lineage.ts';
import { whenSettled } from '../settled.ts';
import type { MessagingClient } from './attributes.ts';
import type { MessagingMetrics } from './metrics.ts';
import type { OpenHops } from './open-hops.ts';

/** What the handlers of one consumer share. */
export interface Receiver extends MessagingClient {
  readonly hop: HopSettings;
  readonly metrics: () => MessagingMetrics | undefined;
  readonly open: OpenHops;
  /** Milliseconds after which the span of a handler that has not returned is given up; `undefined`: never. */
  readonly handlerTimeout: number | undefined;
  /** The class of an error that the client knows better than core. */
  readonly errorType: (error: unknown) => string | undefined;
}

/** What a handler is given: messages of one partition. */
export interface Delivery {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly count: number;
}

/**
 * Returns what `handler` returns for `payload`, run in the context of an inbound hop that ends when `handler` returns, or its
 * promise settles. A thrown value comes out as the same object: clients decide by it.
 */
export function runHandler<P, R>(
  received: Received,
  delivery: Delivery,
  receiver: Receiver,
  handler: (payload: P) => R,
  payload: P,
): R {
  const meters = receiver.metrics();
  const started = meters === undefined ? 0 : performance.now();
  const { open } = receiver;
  open.add(received);
  const timer =
    receiver.handlerTimeout === undefined ? undefined : timeout(received, receiver, receiver.handlerTimeout);
  return whenSettled(
    () => contextApi.with(received.context, handler, undefined, payload),
    (failed, error) => {
      open.delete(received);
      if (timer !== undefined) clearTimeout(timer);
      try {
        const known = failed ? receiver.errorType(error) : undefined;
        received.end(failed ? { error, errorType: known } : undefined);
        if (meters === undefined) return;
        const { topic, partition, count } = delivery;
        const type = failed ? (known ?? errorType(error)) : undefined;
        meters.processed(
          { operation: 'process', topic, partition, groupId: receiver.groupId, errorType: type },
          count,
          (performance.now() - started) / 1000,
        );
      } catch (thrown) {
        telemetryFailed(thrown);
      }
    },
  );
}

/** What to do with a message whose chain is past a limit, in place of the handler: to send it to a dead-letter topic. */
export type OnRefused<P> = (refused: Refused, payload: P) => unknown;

/**
 * Returns what `onRefused` returns for a message whose hop was refused, run in the hop's context; without one, throws the
 * `LineageError`, and the client does with it what it does with any error of a handler.
 */
export function runRefused<P>(refused: Refused, onRefused: OnRefused<P> | undefined, payload: P): unknown {
  if (onRefused === undefined) {
    refused.end();
    throw refused.error;
  }
  return whenSettled(
    () => contextApi.with(exempted(refused.context), onRefused, undefined, refused, payload),
    () => refused.end(),
  );
}

function timeout(received: Received, { open }: Receiver, milliseconds: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(() => {
    received.end({ errorType: 'handler_timeout' });
    open.delete(received);
  }, milliseconds);
  timer.unref();
  return timer;
}
