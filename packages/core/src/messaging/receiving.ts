import { context as contextApi, SpanKind } from '@opentelemetry/api';
import { messageHeaders } from '../carrier/read.ts';
import type { InboundHop } from '../hop/hop.ts';
import type { OpenHops } from '../hop/open-hops.ts';
import { runInbound } from '../hop/runner.ts';
import type { InboundRun } from '../hop/runner.ts';
import type { Refused } from '../lineage/refusal.ts';
import { exempted } from '../lineage/state.ts';
import type { HopSettings } from '../policy/settings.ts';
import type { HopScope } from '../telemetry/instruments.ts';
import { failureType } from '../telemetry/outcome.ts';
import { describeMessage } from './attributes.ts';
import type { MessagingClient } from './attributes.ts';
import { warnIfDoubled } from './doubled.ts';
import { messageAge } from './message.ts';
import type { MessagingMetrics } from './metrics.ts';
import type { ProcessStart } from './topic-start.ts';

/** What the handlers of one consumer share. `P` is what a handler is given. */
export interface Receiver<P = never> extends MessagingClient {
  readonly hop: HopSettings;
  readonly scope: HopScope;
  /** Returns the message in what a handler is given, or `undefined` where there is none. May throw on what is none. */
  readonly messageOf: (payload: P) => ReceivedMessage | undefined;
  /** Milliseconds; a message that is older restarts its trace. */
  readonly maxParentAge: number;
  readonly onRefused: OnRefused<P> | undefined;
  /** Known at once, or once the consumer joins its group. */
  groupId: string | undefined;
  readonly metrics: () => MessagingMetrics | undefined;
  readonly open: OpenHops;
  /** Gives what a `process` of messages of a partition says at its start. */
  readonly start: (topic: string, partition: number | undefined, client: MessagingClient) => ProcessStart;
  /** Milliseconds after which the span of a handler that has not returned is given up; `undefined`: never. */
  readonly handlerTimeout: number | undefined;
  /** Called when a span was given up. */
  readonly gaveUp?: (() => void) | undefined;
  /** The class of an error that the client knows better than core. */
  readonly errorType: (error: unknown) => string | undefined;
}

/** One message, as a hop sees it. */
export interface ReceivedMessage {
  readonly topic: string;
  readonly partition?: number | undefined;
  readonly timestamp?: unknown;
  readonly headers: unknown;
  /** What its system describes on the span. */
  readonly message?: unknown;
}

/** What to do with a message whose chain is past a limit, in place of the handler: to send it to a dead-letter topic. */
export type OnRefused<P> = (refused: Refused, payload: P) => unknown;

/**
 * Returns what `handler` returns for one message, run in a CONSUMER `process` span, a child of the span that sent it and linked to
 * it. A thrown value comes out as the same object: clients decide by it.
 */
export function runMessageHandler<P, R>(
  message: ReceivedMessage,
  payload: P,
  handler: (payload: P) => R,
  receiver: Receiver<P>,
): R {
  const { hop, age } = processHop(message, receiver);
  return runInbound<R>(hop, receiver.hop, {
    ...processing(message.topic, message.partition, 1, receiver),
    describe: (span) => describeMessage(span, message.message, receiver, age),
    work: () => handler(payload),
    refused: (refused) => runRefused(refused, receiver.onRefused, payload) as R,
  });
}

/** Returns the hop of one message that is processed, and how many milliseconds the message waited. */
export function processHop(
  { topic, partition, timestamp, headers }: ReceivedMessage,
  receiver: Receiver,
): { readonly hop: InboundHop; readonly age: number | undefined } {
  warnIfDoubled(topic, receiver);
  const { name, attributes, peer } = receiver.start(topic, partition, receiver);
  const age = messageAge(timestamp, Date.now());
  const hop: InboundHop = {
    transport: receiver.system.transport,
    name,
    kind: SpanKind.CONSUMER,
    attributes,
    carrier: headers,
    reader: messageHeaders,
    peer,
    linkParent: true,
    stale: age !== undefined && age > receiver.maxParentAge,
  };
  return { hop, age };
}

/** Returns what the handling of messages of one partition shares, whether of one or of a batch. */
export function processing(
  topic: string,
  partition: number | undefined,
  count: number,
  receiver: Receiver,
): Pick<InboundRun<never>, 'failure' | 'measure' | 'open' | 'timeout' | 'gaveUp'> {
  const meters = receiver.metrics();
  return {
    failure: (error) => ({ error, errorType: receiver.errorType(error) }),
    measure:
      meters &&
      ((seconds, outcome) => {
        const errorType = failureType(outcome);
        meters.processed(
          { operation: 'process', topic, partition, groupId: receiver.groupId, errorType },
          count,
          seconds,
        );
      }),
    open: receiver.open,
    timeout: receiver.handlerTimeout,
    gaveUp: receiver.gaveUp,
  };
}

/**
 * Returns what `onRefused` returns for a message whose hop was refused, run in the hop's context; without one, throws the
 * `LineageError`, and the client does with it what it does with any error of a handler.
 */
export function runRefused<P>(refused: Refused, onRefused: OnRefused<P> | undefined, payload: P): unknown {
  if (onRefused === undefined) throw refused.error;
  return contextApi.with(exempted(refused.context), onRefused, undefined, refused, payload);
}
