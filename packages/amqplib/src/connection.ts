import { ThroughlineError } from '@throughline/core';
import { sameType, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import { isChannel, traceChannelWith } from './channel.ts';
import type { ChannelLike, TracedChannel } from './channel.ts';
import { channelSettings } from './options.ts';
import type { ChannelOptions } from './options.ts';

/** The part of a connection of amqplib's that is wrapped, of its promise API or its callback API. */
export interface ConnectionLike {
  createChannel(...args: never[]): unknown;
  createConfirmChannel(...args: never[]): unknown;
}

type Traced<Create> = Create extends (...args: infer Args) => Promise<infer C extends ChannelLike>
  ? (...args: Args) => Promise<TracedChannel<C>>
  : Create;

/** A connection of the same type, whose channels are traced. */
export type TracedConnection<C extends ConnectionLike> = {
  createChannel: Traced<C['createChannel']>;
  createConfirmChannel: Traced<C['createConfirmChannel']>;
} & C;

/**
 * Returns a connection of the same type whose channels are as `traceChannel` makes them. The connection that is given stays as it
 * is. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const connection = traceConnection(await amqplib.connect('amqp://127.0.0.1'));
 * const channel = await connection.createConfirmChannel();
 * ```
 */
export function traceConnection<C extends ConnectionLike>(
  connection: C,
  options?: ChannelOptions,
): TracedConnection<C> {
  const settings = channelSettings(options);
  if (typeof connection !== 'object' || connection === null || typeof connection.createChannel !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "`traceConnection` takes a connection, such as `await amqplib.connect('amqp://127.0.0.1')`.",
    );
  }
  if (wrapped(connection)) {
    warnIfRewrapped(connection, settings.hop);
    return connection as TracedConnection<C>;
  }
  // The callback API gives a channel twice: it returns it, and hands it to the callback.
  const views = new WeakMap<object, object>();
  const traced = (channel: unknown): unknown => {
    if (!isChannel(channel)) return channel;
    let view = views.get(channel);
    if (view === undefined) views.set(channel, (view = traceChannelWith(channel, settings)));
    return view;
  };
  const target = connection as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  const members: Record<string, unknown> = {};
  for (const name of ['createChannel', 'createConfirmChannel']) {
    const create = target[name];
    if (typeof create !== 'function') continue;
    members[name] = (...args: unknown[]): unknown => {
      const given = args.map((arg) => (typeof arg === 'function' ? answering(arg as Callback) : arg));
      const result = Reflect.apply(create, connection, given);
      if (result === connection) return view;
      if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return traced(result);
      return (result as PromiseLike<unknown>).then(traced);
    };
  }
  const view: C = sameType(connection, members, settings.hop);
  return view as TracedConnection<C>;

  function answering(callback: Callback): Callback {
    return function (this: unknown, error, channel, ...rest) {
      return Reflect.apply(callback, this, [error, traced(channel), ...rest]);
    };
  }
}

type Callback = (error: unknown, channel: unknown, ...rest: unknown[]) => unknown;
