import { ThroughlineError } from '../errors.ts';
import { markWrapped, warnIfRewrapped, wrapped } from '../wrap/brand.ts';
import { runMessageHandler } from './receiving.ts';
import type { ReceivedMessage, Receiver } from './receiving.ts';

/** Returns a handler that runs `handler` in a CONSUMER `process` span for each message; `handler` itself where it is wrapped already. */
export function messageHandler<P, R>(handler: (payload: P) => R, receiver: Receiver<P>): (payload: P) => R {
  return wrapHandler(handler, receiver, function (this: unknown, payload: P, ...rest: unknown[]): R {
    return handleMessage(payload, calledAs(handler, this, rest), receiver);
  });
}

/** Returns `handler` as its caller calls it: as a method, or with more than the payload, such as the `signal` of a stream's `forEach`. */
export function calledAs<P, R>(handler: (payload: P) => R, self: unknown, rest: readonly unknown[]): (payload: P) => R {
  if (self === undefined && rest.length === 0) return handler;
  return (payload) => Reflect.apply(handler, self, [payload, ...rest]) as R;
}

/** Returns `wrapper`, marked as wrapped; or `handler` where it is wrapped already: the options of the first wrap hold. */
export function wrapHandler<H extends (payload: never) => unknown>(handler: H, { hop }: Receiver, wrapper: H): H {
  if (typeof handler !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      'A traced handler takes the function that handles messages as its first argument.',
    );
  }
  if (!wrapped(handler)) return markWrapped(wrapper, hop);
  warnIfRewrapped(handler, hop);
  return handler;
}

/** Returns what `handler` returns for one message, run in its CONSUMER `process` span. */
export function handleMessage<P, R>(payload: P, handler: (payload: P) => R, receiver: Receiver<P>): R {
  const message = messageIn(payload, receiver);
  return message === undefined ? handler(payload) : runMessageHandler(message, payload, handler, receiver);
}

/**
 * Returns the message in what a handler is given, without a partition that is no number. A payload that is none of the client's is
 * the handler's affair: an error of ours could stop the consumer.
 */
export function messageIn<P>(payload: P, receiver: Receiver<P>): ReceivedMessage | undefined {
  try {
    const message = receiver.messageOf(payload);
    if (typeof message?.topic !== 'string') return undefined;
    return typeof message.partition === 'number' ? message : { ...message, partition: undefined };
  } catch {
    return undefined;
  }
}
