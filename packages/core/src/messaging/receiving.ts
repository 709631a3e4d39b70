import { context as contextApi, SpanKind } from '@opentelemetry/api';
import { messageHeaders } from '../carrier/read.ts';
import type { Received } from '../hop/hop.ts';
import { telemetryFailed } from './failed.ts';
import { errorType } from '../telemetry/outcome.ts';
import type { Refused } from '../lineage/refusal.ts';
import type { HopSettings } from '../policy/settings.ts';
import { exempted } from '../lineage/state.ts';
import { whenSettled } from '../settled.ts';
import { startInbound } from '../hop/inbound.ts';
import { describeMessage } from './attributes.ts';
import type { DescribedMessage, MessagingClient } from './attributes.ts';
import { KAFKA } from './conventions.ts';
import { messageAge } from './message.ts';
import type { MessagingMetrics } from './metrics.ts';
import type { Endable, OpenHops } from '../hop/open-hops.ts';
import type { ProcessStart } from './topic-start.ts';

/** What the handlers of one consumer share. `P` is what a handler is given. */
export interface Receiver<P = never> extends MessagingClient {
  readonly hop: HopSettings;
  /** Milliseconds; a message that is older restarts its trace. */
  readonly maxParentAge: number;
  readonly onRefused: OnRefused<P> | undefined;
  /** Known at once, or once the consumer joins its group. */
  groupId: string | undefined;
  readonly metrics: () => MessagingMetrics | undefined;
  readonly open: OpenHops;
  /** Gives what a `process` of messages of a partition says at its start. */
  readonly start: (topic: string, partition: unknown, client: MessagingClient) => ProcessStart;
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

/** One message, as a hop sees it. */
export interface ReceivedMessage extends DescribedMessage {
  readonly topic: string;
  readonly partition: number;
  readonly timestamp?: unknown;
  readonly headers: unknown;
}

/** Opens the CONSUMER `process` hop of one message: a child of the span that sent it, and linked to it. */
export function startProcess(message: ReceivedMessage, receiver: Receiver): Received | Refused {
  const { name, attributes, peer } = receiver.start(message.topic, message.partition, receiver);
  const age = messageAge(message.timestamp, Date.now());
  const received = startInbound(
    {
      transport: KAFKA,
      name,
      kind: SpanKind.CONSUMER,
      attributes,
      carrier: message.headers,
      reader: messageHeaders,
      peer,
      linkParent: true,
      stale: age !== undefined && age > receiver.maxParentAge,
    },
    receiver.hop,
  );
  describeMessage(received.span, message, receiver, age);
  return received;
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
  receiver.open.add(received);
  const timer =
    receiver.handlerTimeout === undefined ? undefined : timeout(received, receiver, receiver.handlerTimeout);
  return whenSettled(
    () => contextApi.with(received.context, handler, undefined, payload),
    (failed, error) => {
      receiver.open.delete(received);
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

function timeout(open: Endable, receiver: Receiver, milliseconds: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(() => {
    open.end({ errorType: 'handler_timeout' });
    receiver.open.delete(open);
  }, milliseconds);
  timer.unref();
  return timer;
}
