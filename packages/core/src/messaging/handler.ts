import { markWrapped, warnIfRewrapped, wrapped } from '../wrap/brand.ts';
import type { Received } from '../hop/hop.ts';
import type { Refused } from '../lineage/refusal.ts';
import { runHandler, runRefused, startProcess } from './receiving.ts';
import type { ReceivedMessage, Receiver } from './receiving.ts';

/** Returns a handler that runs `handler` in a CONSUMER `process` span for each message; `handler` itself where it is wrapped already. */
export function messageHandler<P, R>(handler: (payload: P) => R, receiver: Receiver<P>): (payload: P) => R {
  return wrapHandler(handler, receiver, (payload) => handleMessage(payload, handler, receiver));
}

/** Returns `wrapper`, marked as wrapped; or `handler` where it is wrapped already: the options of the first wrap hold. */
export function wrapHandler<H extends (payload: never) => unknown>(handler: H, { hop }: Receiver, wrapper: H): H {
  if (!wrapped(handler)) return markWrapped(wrapper, hop);
  warnIfRewrapped(handler, hop);
  return handler;
}

/** Returns what `handler` returns for one message, run in its CONSUMER `process` span. */
export function handleMessage<P, R>(payload: P, handler: (payload: P) => R, receiver: Receiver<P>): R {
  let message: ReceivedMessage | undefined;
  let received: Received | Refused | undefined;
  // A payload that is none of the client's is the handler's affair: an error of ours could stop the consumer.
  try {
    message = receiver.messageOf(payload);
    received = message === undefined ? undefined : startProcess(message, receiver);
  } catch {
    received = undefined;
  }
  if (message === undefined || received === undefined) return handler(payload);
  if (received.refused !== undefined) return runRefused(received, receiver.onRefused, payload) as R;
  const { topic, partition } = message;
  return runHandler(received, { topic, partition, count: 1 }, receiver, handler, payload);
}
