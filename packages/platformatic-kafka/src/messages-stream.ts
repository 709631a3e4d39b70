import { sameType, wrapped } from '@throughline/core/adapter';
import { handleMessage, messageHandler } from '@throughline/core/messaging';
import type { MessageLike } from './message.ts';
import { consumerSettings } from './options.ts';
import type { ConsumerOptions, ConsumerSettings } from './options.ts';

/** A stream of the same type, which can run work in the trace of a message. */
export type TracedStream<S> = S & {
  /**
   * Returns what `fn` returns, run in a CONSUMER span `process {topic}` that ends when `fn` returns, or its promise settles. The
   * span is a child of the one that sent the message. A thrown value comes out as the same object.
   */
  process<M extends MessageLike, R>(message: M, fn: (message: M) => R): R;
};

/**
 * Returns a handler of messages that opens a CONSUMER span `process {topic}` for each, a child of the span that sent it, and runs
 * `handler` in it with the sender's baggage. For what takes a function of a message, such as a concurrent `forEach`.
 * Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * await forEach(stream, tracedMessage(handle, { groupId: 'billing' }), 16);
 * ```
 */
export function tracedMessage<M extends MessageLike, R>(
  handler: (message: M) => R,
  options?: ConsumerOptions,
): (message: M) => R {
  return messageHandler<M, R>(handler, consumerSettings(undefined, options));
}

type Listener = (...args: unknown[]) => unknown;
type Loose = Record<string, (...args: unknown[]) => unknown>;

/** Returns a stream of the same type whose `data` listeners run in the trace of their message. */
export function traceStream<S extends object>(stream: S, settings: ConsumerSettings): TracedStream<S> {
  if (wrapped(stream)) return stream as TracedStream<S>;
  const target = stream as unknown as Loose;
  // So that a listener can be taken off by the function that was put on.
  const traced = new WeakMap<Listener, Listener>();
  const members: Record<string, unknown> = {
    process: <M extends MessageLike, R>(message: M, fn: (message: M) => R): R => handleMessage(message, fn, settings),
  };
  for (const name of ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener']) {
    const add = target[name];
    if (add === undefined) continue;
    members[name] = (event: unknown, listener: unknown) => {
      if (event !== 'data' || typeof listener !== 'function') add.call(stream, event, listener);
      else {
        const original = listener as Listener;
        let wrapper = traced.get(original);
        if (wrapper === undefined) {
          wrapper = (message) => handleMessage(message as MessageLike, (one) => original.call(proxy, one), settings);
          traced.set(original, wrapper);
        }
        add.call(stream, event, wrapper);
      }
      return proxy;
    };
  }
  for (const name of ['off', 'removeListener']) {
    const remove = target[name];
    if (remove === undefined) continue;
    members[name] = (event: unknown, listener: unknown) => {
      remove.call(stream, event, traced.get(listener as Listener) ?? listener);
      return proxy;
    };
  }
  const proxy: object = sameType(stream, members, settings.hop);
  return proxy as TracedStream<S>;
}
