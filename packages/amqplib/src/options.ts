import type { HopOptions } from '@throughline/core';
import { checkName, hopSettings, isPatched, remembering } from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';
import { receiverSettings, senderSettings } from '@throughline/core/messaging';
import type { OnRefused, Receiver, ReceiverOptions, Sender, SenderOptions } from '@throughline/core/messaging';
import { amqpErrorType, rabbitmq } from './message.ts';
import type { MessageLike } from './message.ts';
import { publishOptions } from './shape.ts';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/amqplib', version: '0.0.0' } as const;

/** What {@link ChannelOptions.onRefused} is given. */
export interface RefusedPayload {
  readonly queue: string;
  readonly message: MessageLike;
}

/** The options of `traceChannel` and `traceConnection`. */
export interface ChannelOptions extends HopOptions {
  /**
   * Whether amqplib's own calls run under suppressed tracing, so that another instrumentation of them adds no second span and no
   * second header. Default: where an instrumentation patched the channel.
   */
  readonly suppressInner?: boolean | undefined;
  /**
   * Milliseconds. A message that is older, by its timestamp, starts a new trace with a link to its own. Timestamps in the
   * future or ten years old do not count. Default: no limit.
   */
  readonly maxParentAge?: number | undefined;
  /**
   * What to do, in place of the handler, with a message whose chain of agents is past a limit that `lineage` enforces; it runs in the
   * message's trace, what it sends is not refused, and it settles the message. Default: the message is rejected without requeue, so
   * that a dead-letter exchange gets it. Nothing is thrown into amqplib, which would close the channel.
   */
  readonly onRefused?: OnRefused<RefusedPayload> | undefined;
  /**
   * Milliseconds. The span of a message that nobody has settled by then ends with `error.type: handler_timeout`; the message stays as
   * it is. RabbitMQ's own limit is 30 minutes. Default: never.
   */
  readonly handlerTimeout?: number | undefined;
  /** The client's id: `messaging.client.id`. */
  readonly clientId?: string | undefined;
}

/** The options of `tracedConsumer`. */
export interface ConsumerOptions extends Omit<ChannelOptions, 'suppressInner'> {
  /** The queue that the handler reads, which no message says. Default: the routing key, where the exchange is the default one. */
  readonly queue?: string | undefined;
}

/** The options of `injectHeaders`. */
export interface InjectOptions extends HopOptions {
  /** The exchange, or queue, that the message goes to, for an outbound policy that asks. */
  readonly destination?: string | undefined;
}

/** A channel's options, checked. */
export interface ChannelSettings {
  readonly hop: HopSettings;
  readonly sender: Sender;
  readonly receiver: Receiver<RefusedPayload>;
}

const SENDING = ['suppressInner'];
const RECEIVING = ['maxParentAge', 'onRefused', 'handlerTimeout'];

/** Returns the settings of one wrapped channel or connection. Throws a `ThroughlineError` for a wrong option. */
export function channelSettings(options: ChannelOptions | undefined): ChannelSettings {
  // All at once, so that an option of another adapter is told.
  const hop = hopSettings(options, scope, [...SENDING, ...RECEIVING, 'clientId']);
  const { suppressInner, maxParentAge, onRefused, handlerTimeout, clientId, ...shared } = options ?? {};
  return {
    hop,
    sender: {
      ...senderSettings({ ...shared, suppressInner, clientId } satisfies SenderOptions, {
        scope,
        system: rabbitmq,
        errorType: amqpErrorType,
        shape: publishOptions,
        places: () => [],
        suppresses: isPatched,
      }),
      hop,
      // An option of other adapters: here a call is one message.
      spanPerMessage: false,
    },
    receiver: {
      ...receiving({ ...shared, maxParentAge, onRefused, handlerTimeout, clientId }),
      hop,
    },
  };
}

/** Returns the settings of one wrapped handler. Throws a `ThroughlineError` for a wrong option. */
export function consumerSettings(options: ConsumerOptions | undefined): Receiver<RefusedPayload> {
  const hop = hopSettings(options, scope, [...RECEIVING, 'clientId', 'queue']);
  const { queue, ...shared } = options ?? {};
  checkName('queue', queue);
  return { ...receiving(shared), hop };
}

function receiving(options: ReceiverOptions<RefusedPayload>): Receiver<RefusedPayload> {
  return receiverSettings(options, {
    scope,
    system: rabbitmq,
    errorType: amqpErrorType,
    messageOf: () => undefined,
  });
}

/** Returns the settings of an options object that is handed in with every call. */
export const rememberedSettings: (options: HopOptions | undefined) => HopSettings = remembering((options) =>
  hopSettings(options, scope, ['destination']),
);
