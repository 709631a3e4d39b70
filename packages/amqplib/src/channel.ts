import { ThroughlineError } from '@throughline/core';
import { sameType, unpatched, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import { addTemporary, hearClose, rejectFor, settleOne, settleUpTo, stateOf } from './channel-state.ts';
import type { ChannelState } from './channel-state.ts';
import { getter } from './get.ts';
import { isMessage } from './message.ts';
import type { MessageLike } from './message.ts';
import { channelSettings } from './options.ts';
import type { ChannelOptions, ChannelSettings } from './options.ts';
import { handleOpen, opener, sourceOf } from './receiving.ts';
import { sender } from './sending.ts';
import type { SendExtras, SendingChannel } from './sending.ts';

/** The part of a channel of amqplib's that is wrapped, of its promise API or its callback API. */
export interface ChannelLike {
  publish(exchange: string, routingKey: string, content: never, ...rest: never[]): unknown;
  sendToQueue(queue: string, content: never, ...rest: never[]): unknown;
  consume(queue: string, onMessage: never, ...rest: never[]): unknown;
}

type WithReply<Send> = Send extends (...args: [...infer Before, options?: infer O]) => infer R
  ? (...args: [...Before, options?: (O & SendExtras) | undefined]) => R
  : Send extends (...args: [...infer Before, options?: infer O, callback?: infer C]) => infer R
    ? (...args: [...Before, options?: (O & SendExtras) | undefined, callback?: C]) => R
    : Send;

/** A channel of the same type, whose `publish` and `sendToQueue` also take `reply`. */
export type TracedChannel<C extends ChannelLike> = {
  publish: WithReply<C['publish']>;
  sendToQueue: WithReply<C['sendToQueue']>;
} & C;

/**
 * Returns a channel of the same type, of the promise API or the callback API, with confirms or without: what it publishes goes out in a
 * PRODUCER span `send {exchange or queue}`, whose context is in the message; what it consumes or gets is handled in a CONSUMER span
 * `process {queue}`, a child of the span that sent it, which ends when the message is settled through this channel. The channel
 * that is given stays as it is. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const channel = traceChannel(await connection.createChannel());
 * channel.sendToQueue('tasks', Buffer.from('compare the plans'));
 * ```
 */
export function traceChannel<C extends ChannelLike>(channel: C, options?: ChannelOptions): TracedChannel<C> {
  const settings = channelSettings(options);
  if (!isChannel(channel)) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceChannel` takes a channel, such as `await connection.createChannel()`.',
    );
  }
  return traceChannelWith(channel, settings) as TracedChannel<C>;
}

/** Whether a value is a channel, as far as it is wrapped. */
export function isChannel(channel: unknown): channel is ChannelLike {
  if (typeof channel !== 'object' || channel === null) return false;
  const { publish, sendToQueue, consume } = channel as Partial<Record<keyof ChannelLike, unknown>>;
  return [publish, sendToQueue, consume].some((member) => typeof member === 'function');
}

type Method = (...args: unknown[]) => unknown;
type Loose = Partial<Record<string, Method>>;

/** {@link traceChannel}, with options that are checked. */
export function traceChannelWith<C extends object>(channel: C, settings: ChannelSettings): C {
  if (wrapped(channel)) {
    warnIfRewrapped(channel, settings.hop);
    return channel;
  }
  const state = stateOf(channel);
  const target = channel as unknown as Loose;
  const members: Record<string, Method> = {};
  const replace = (name: string, member: Method): void => {
    if (typeof target[name] !== 'function') return;
    // Methods of the callback API return the channel.
    members[name] = (...args) => {
      const result = member(...args);
      return result === channel ? view : result;
    };
  };
  const call = (name: string, args: unknown[]): unknown => (target[name] as Method)(...args);

  replace('publish', sender(target as unknown as SendingChannel, 'publish', settings));
  replace('sendToQueue', sender(target as unknown as SendingChannel, 'sendToQueue', settings));
  replace('consume', consumer(channel, state, settings));
  replace('get', getter(channel, state, settings));
  for (const [name, settle] of Object.entries(SETTLING)) {
    replace(name, (...args) => {
      const result = call(name, args);
      settle(state, args);
      return result;
    });
  }
  replace('assertQueue', (...args) => {
    const [queue, options] = args;
    const { exclusive } = (options ?? {}) as { exclusive?: unknown };
    // It goes with its connection.
    if (exclusive === true && typeof queue === 'string' && queue !== '') addTemporary(state, queue);
    return call('assertQueue', args);
  });
  replace('close', (...args) => {
    const result = call('close', args);
    // The callback API says it by the event alone.
    return typeof (result as PromiseLike<unknown> | undefined)?.then === 'function' ? state.open.until(result) : result;
  });
  // On the channel itself, always: what it reads there it also replaces there.
  replace('waitForConfirms', (...args) => call('waitForConfirms', args));
  const view: C = sameType(channel, members, settings.hop);
  return view;
}

/** How a settled message comes out, by the method that settles it. */
const SETTLING: Readonly<Record<string, (state: ChannelState, args: unknown[]) => void>> = {
  ack: (state, [message, allUpTo]) => settle(state, message, allUpTo, undefined),
  nack: (state, [message, allUpTo]) => settle(state, message, allUpTo, NACK),
  reject: (state, [message]) => settle(state, message, false, { failed: true, errorType: 'reject' }),
  ackAll: (state) => settleUpTo(state, Infinity, undefined),
  nackAll: (state) => settleUpTo(state, Infinity, NACK),
  // What is not settled is delivered again, under other tags.
  recover: (state) => settleUpTo(state, Infinity, { failed: true, errorType: 'recover' }),
};

const NACK: Outcome = { failed: true, errorType: 'nack' };

function settle(state: ChannelState, message: unknown, allUpTo: unknown, outcome: Outcome | undefined): void {
  const tag = (message as Partial<MessageLike> | null | undefined)?.fields?.deliveryTag;
  if (typeof tag !== 'number') return;
  if (allUpTo) settleUpTo(state, tag, outcome);
  else settleOne(state, tag, outcome);
}

/** Returns `consume` of a channel, whose handler runs in the hop of each message. */
function consumer(channel: object, state: ChannelState, { receiver }: ChannelSettings): Method {
  const target = channel as Loose;
  const receiving = { ...receiver, open: state.open };
  return (...args) => {
    const [queue, onMessage, options, ...rest] = args;
    // Past an instrumentation that patched it: it opens its spans from what a message holds, whatever is active.
    const consume = (handler: unknown): unknown => {
      const given = args.length < 3 ? [queue, handler] : [queue, handler, options, ...rest];
      return Reflect.apply(unpatched(target['consume'] as Method), channel, given);
    };
    if (typeof onMessage !== 'function' || wrapped(onMessage)) return consume(onMessage);
    hearClose(channel, state);
    const open = opener(sourceOf(queue, state), receiving);
    const noAck = Boolean((options as { noAck?: unknown } | null | undefined)?.noAck);
    return consume(function (this: unknown, ...given: unknown[]): unknown {
      const handle = (): unknown => Reflect.apply(onMessage, this, given);
      const [message] = given;
      // `null`: the broker has cancelled the consumer.
      if (!isMessage(message)) return handle();
      const opened = open(message);
      const tag = message.fields.deliveryTag;
      if (!noAck && tag !== undefined) state.deliveries.set(tag, opened);
      return handleOpen(opened, message, String(queue), receiving, {
        handle,
        reject: () => (noAck ? undefined : rejectFor(channel, state, message)),
        endsWithHandler: noAck,
      });
    });
  };
}
