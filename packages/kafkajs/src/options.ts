import { hopSettings, ThroughlineError } from '@throughline/core';
import type { HopOptions, HopSettings } from '@throughline/core';
import { messagingMetrics, OpenHops } from '@throughline/core/messaging';
import type { OnRefused, Receiver, Sender } from '@throughline/core/messaging';
import { kafkaErrorType } from './message.ts';
import type { MessageLike } from './message.ts';
import { recordHeaders } from './shape.ts';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/kafkajs', version: '0.0.0' } as const;

/** The options of {@link traceProducer}. */
export interface ProducerOptions extends HopOptions {
  /** A `create` span for each message, which the send span links, instead of one send span for all. Default `false`. */
  readonly spanPerMessage?: boolean | undefined;
  /** The `clientId` that kafkajs was given: `messaging.client.id`. */
  readonly clientId?: string | undefined;
}

/** The options of {@link traceConsumer}, `tracedEachMessage` and `tracedEachBatch`. */
export interface ConsumerOptions extends HopOptions {
  /**
   * Milliseconds. A message that is older, by its timestamp, starts a new trace with a link to its own. Timestamps in the
   * future or ten years old do not count. Default: no limit.
   */
  readonly maxParentAge?: number | undefined;
  /**
   * What to do, in place of the handler, with a message whose chain of agents is past a limit that `lineage` enforces; it runs
   * in the message's trace, and what it sends is not refused. Default: the handler fails with the `LineageError`, which kafkajs
   * retries like any error.
   */
  readonly onRefused?: OnRefused<RefusedPayload> | undefined;
  /**
   * Milliseconds. The span of a handler that has not returned by then ends with `error.type: handler_timeout`; the handler
   * itself runs on. The session timeout is a good value. Default: never, because kafkajs waits for a handler without end.
   */
  readonly handlerTimeout?: number | undefined;
  /** The consumer group; kafkajs tells it by itself when the consumer joins. */
  readonly groupId?: string | undefined;
  /** The `clientId` that kafkajs was given: `messaging.client.id`. */
  readonly clientId?: string | undefined;
}

/** What {@link ConsumerOptions.onRefused} is given: kafkajs's payload of `eachMessage`, or what tells a message of a batch. */
export interface RefusedPayload {
  readonly topic: string;
  readonly partition: number;
  readonly message: MessageLike;
}

/** The options of {@link injectHeaders}. */
export interface InjectOptions extends HopOptions {
  /** The topic that the message goes to, for an outbound policy that asks. */
  readonly topic?: string | undefined;
}

/** A producer's options, checked. */
export type ProducerSettings = Sender;

/** A consumer's options, checked. */
export interface ConsumerSettings extends Receiver {
  readonly maxParentAge: number;
  readonly onRefused: OnRefused<RefusedPayload> | undefined;
  /** Known at once, or once the consumer joins its group. */
  groupId: string | undefined;
}

/** Returns the settings of one wrapped producer. Throws a `ThroughlineError` for an option that cannot be meant. */
export function producerSettings(options: ProducerOptions | undefined): ProducerSettings {
  const hop = hopSettings(options, scope);
  const { spanPerMessage, clientId } = options ?? {};
  if (spanPerMessage !== undefined && typeof spanPerMessage !== 'boolean')
    throw wrong('spanPerMessage', 'true or false');
  return {
    hop,
    shape: recordHeaders,
    spanPerMessage: spanPerMessage ?? false,
    clientId: name('clientId', clientId),
    metrics: messagingMetrics(options?.meterProvider, scope),
    open: new OpenHops(),
    errorType: kafkaErrorType,
  };
}

/** Returns the settings of one wrapped consumer or handler. Throws a `ThroughlineError` for an option that cannot be meant. */
export function consumerSettings(options: ConsumerOptions | undefined): ConsumerSettings {
  const hop = hopSettings(options, scope);
  const { maxParentAge, onRefused, handlerTimeout, groupId, clientId } = options ?? {};
  if (maxParentAge !== undefined && !(typeof maxParentAge === 'number' && maxParentAge >= 0)) {
    throw wrong('maxParentAge', 'milliseconds, such as 86_400_000');
  }
  if (onRefused !== undefined && typeof onRefused !== 'function') throw wrong('onRefused', 'a function');
  if (handlerTimeout !== undefined && !(typeof handlerTimeout === 'number' && handlerTimeout > 0)) {
    throw wrong('handlerTimeout', 'milliseconds, such as 30_000');
  }
  return {
    hop,
    maxParentAge: maxParentAge ?? Infinity,
    onRefused,
    handlerTimeout,
    metrics: messagingMetrics(options?.meterProvider, scope),
    open: new OpenHops(),
    errorType: kafkaErrorType,
    clientId: name('clientId', clientId),
    groupId: name('groupId', groupId),
  };
}

const remembered = new WeakMap<object, HopSettings>();
const defaults = {};

/** Returns the settings of an options object that is handed in with every call. */
export function rememberedSettings(options: HopOptions | undefined): HopSettings {
  const key = options ?? defaults;
  if (typeof key !== 'object' || key === null) return hopSettings(key, scope);
  let settings = remembered.get(key);
  if (settings === undefined) remembered.set(key, (settings = hopSettings(key, scope)));
  return settings;
}

function name(option: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw wrong(option, 'a name');
}

function wrong(option: string, takes: string): ThroughlineError {
  return new ThroughlineError('ERR_THROUGHLINE_OPTION', `\`${option}\` takes ${takes}.`);
}
