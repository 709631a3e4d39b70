import { OpenHops } from '../hop/open-hops.ts';
import { checkBoolean, checkFunction, checkMilliseconds, checkName, optionError } from '../option-checks.ts';
import type { HopOptions } from '../policy/options.ts';
import { hopSettings } from '../policy/settings.ts';
import type { HopScope } from '../telemetry/instruments.ts';
import { messagingMetrics } from './metrics.ts';
import type { MessageShape } from './message-shape.ts';
import type { Sender } from './sender.ts';
import type { MessagingSystem } from './system.ts';
import { processStarts, sendStarts } from './topic-start.ts';
import type { OnRefused, Receiver } from './receiving.ts';

/** What the producers of every client take. */
export interface SenderOptions extends HopOptions {
  /** A `create` span for each message, which the send span links, instead of one send span for all. Default `false`. */
  readonly spanPerMessage?: boolean | undefined;
  /**
   * Whether the client's own calls run under suppressed tracing, so that another instrumentation of them adds no second span and
   * no second header. What the client calls in turn, such as a request for a token, falls silent then too. The default
   * is the adapter's: where it can tell, only if there is such an instrumentation.
   */
  readonly suppressInner?: boolean | undefined;
  /** The client's id: `messaging.client.id`. */
  readonly clientId?: string | undefined;
  /** Whether spans say the key of a message, `messaging.kafka.message.key`, which may name a person. Default `false`. */
  readonly recordKey?: boolean | undefined;
}

/** What the consumers of every client take. `P` is what a handler is given. */
export interface ReceiverOptions<P> extends HopOptions {
  /**
   * Milliseconds. A message that is older, by its timestamp, starts a new trace with a link to its own. Timestamps in the
   * future or ten years old do not count. Default: no limit.
   */
  readonly maxParentAge?: number | undefined;
  /**
   * What to do, in place of the handler, with a message whose chain of agents is past a limit that `lineage` enforces; it runs
   * in the message's trace, and what it sends is not refused. Default: the handler fails with the `LineageError`, which the
   * client treats like any error of a handler.
   */
  readonly onRefused?: OnRefused<P> | undefined;
  /**
   * Milliseconds. The span of a handler that has not returned by then ends with `error.type: handler_timeout`; the handler
   * itself runs on. The session timeout is a good value. Default: never, because clients wait for a handler without end.
   */
  readonly handlerTimeout?: number | undefined;
  /** The consumer group; clients tell it by themselves, at the latest when the consumer joins. */
  readonly groupId?: string | undefined;
  /** The client's id: `messaging.client.id`. */
  readonly clientId?: string | undefined;
  /** Whether spans say the key of a message, `messaging.kafka.message.key`, which may name a person. Default `false`. */
  readonly recordKey?: boolean | undefined;
}

const SENDER_OPTIONS: Readonly<Record<Exclude<keyof SenderOptions, keyof HopOptions>, true>> = {
  spanPerMessage: true,
  suppressInner: true,
  clientId: true,
  recordKey: true,
};
const RECEIVER_OPTIONS: Readonly<Record<Exclude<keyof ReceiverOptions<never>, keyof HopOptions>, true>> = {
  maxParentAge: true,
  onRefused: true,
  handlerTimeout: true,
  groupId: true,
  clientId: true,
  recordKey: true,
};

/** What an adapter says of its client once. */
export interface ClientKind {
  /** The instrumentation scope of the adapter's spans. */
  readonly scope: HopScope;
  readonly system: MessagingSystem;
  /** The class of an error that the client knows better than core. */
  readonly errorType: Sender['errorType'];
}

/** What an adapter says of a client that sends. */
export interface SenderKind extends ClientKind {
  readonly shape: MessageShape;
  readonly places: Sender['places'];
  /** Which calls of the client run under suppressed tracing where `suppressInner` does not say. */
  readonly suppresses: Sender['suppresses'];
}

/** What an adapter says of a client that receives. `P` is what a handler is given. */
export interface ReceiverKind<P> extends ClientKind {
  readonly messageOf: Receiver<P>['messageOf'];
}

/**
 * Returns the settings of one wrapped producer. `own` names the options that the adapter takes besides. Throws a `ThroughlineError`
 * for a wrong option.
 */
export function senderSettings(
  options: SenderOptions | undefined,
  { scope, system, errorType, shape, places, suppresses }: SenderKind,
  own: readonly string[] = [],
): Sender {
  const hop = hopSettings(options, scope, [...Object.keys(SENDER_OPTIONS), ...own]);
  const { spanPerMessage, suppressInner, clientId, recordKey } = options ?? {};
  checkBoolean('spanPerMessage', spanPerMessage);
  checkBoolean('suppressInner', suppressInner);
  checkName('clientId', clientId);
  checkBoolean('recordKey', recordKey);
  return {
    hop,
    system,
    shape,
    places,
    spanPerMessage: spanPerMessage ?? false,
    suppresses: suppressInner === undefined ? suppresses : () => suppressInner,
    clientId,
    recordKey: recordKey ?? false,
    metrics: messagingMetrics(options?.meterProvider, scope, system),
    open: new OpenHops(),
    start: sendStarts(system),
    errorType,
  };
}

/** Returns the settings of one wrapped consumer or handler. Throws a `ThroughlineError` for a wrong option. */
export function receiverSettings<P>(
  options: ReceiverOptions<P> | undefined,
  { scope, system, errorType, messageOf }: ReceiverKind<P>,
): Receiver<P> {
  const hop = hopSettings(options, scope, Object.keys(RECEIVER_OPTIONS));
  const { maxParentAge, onRefused, handlerTimeout, groupId, clientId, recordKey } = options ?? {};
  checkMilliseconds('maxParentAge', maxParentAge, '86_400_000');
  checkFunction('onRefused', onRefused, 'a function of the message');
  checkMilliseconds('handlerTimeout', handlerTimeout, '30_000');
  if (handlerTimeout === 0) throw optionError('handlerTimeout', 'milliseconds from 1, such as 30_000', handlerTimeout);
  checkName('clientId', clientId);
  checkBoolean('recordKey', recordKey);
  checkName('groupId', groupId);
  return {
    hop,
    scope,
    system,
    messageOf,
    maxParentAge: maxParentAge ?? Infinity,
    onRefused,
    handlerTimeout,
    clientId,
    recordKey: recordKey ?? false,
    groupId,
    metrics: messagingMetrics(options?.meterProvider, scope, system),
    open: new OpenHops(),
    start: processStarts(),
    errorType,
  };
}
