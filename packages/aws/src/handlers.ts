import { ThroughlineError } from '@throughline/core';
import type { Received } from '@throughline/core/adapter';
import { calledAs, messageHandler, runBatch, runMessage, wrapHandler } from '@throughline/core/messaging';
import type { Receiver } from '@throughline/core/messaging';
import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import type { MessageLike } from './message.ts';
import { handlerSettings } from './options.ts';
import type { HandlerOptions } from './options.ts';

/**
 * Returns a handler of one message that `ReceiveMessage` gave, which runs `handler` in a CONSUMER span `process {queue}`, a child of the
 * span that sent the message, with the sender's baggage. A thrown value comes out as the same object. Throws a `ThroughlineError` for a
 * wrong option.
 *
 * @example
 * ```ts
 * const handle = tracedMessageHandler(async (message: Message) => analyse(message), { queue: QueueUrl });
 * for (const message of Messages) await handle(message);
 * ```
 */
export function tracedMessageHandler<M extends MessageLike, R>(
  handler: (message: M) => R,
  options: HandlerOptions,
): (message: M) => R {
  return messageHandler<M, R>(handler, handlerSettings(options));
}

/**
 * Returns a handler of all messages that `ReceiveMessage` gave, which runs `handler` in one CONSUMER span `process {queue}`: a root that
 * links each distinct span that sent one of them. {@link runWith} puts the work on a message into that message's trace. Throws a
 * `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const handle = tracedBatchHandler(
 *   (messages: Message[]) => Promise.all(messages.map((message) => runWith(message, () => analyse(message)))),
 *   { queue: QueueUrl },
 * );
 * ```
 */
export function tracedBatchHandler<M extends MessageLike, R>(
  handler: (messages: M[]) => R,
  options: HandlerOptions,
): (messages: M[]) => R {
  const receiver = handlerSettings(options);
  const wrapper = function (this: unknown, messages: M[], ...rest: unknown[]): R {
    const handle = calledAs(handler, this, rest);
    return runBatch(
      () => {
        const received = messages.map((message) => receiver.messageOf(message));
        return { topic: received[0]?.topic as string, messages: received as { headers: unknown }[] };
      },
      receiver as unknown as Receiver,
      (batch) => {
        if (batch !== undefined) for (const message of messages) remember(message, batch, receiver);
        return handle(messages);
      },
    );
  };
  return wrapHandler(
    handler as (payload: never) => unknown,
    receiver as unknown as Receiver,
    wrapper as never,
  ) as never;
}

/** Runs a function in the context of one message of a batch. */
type RunIn = <T>(fn: () => T) => T;

const batches = new WeakMap<object, RunIn>();

/** Keeps in which batch a message is handled. */
export function remember<M extends object>(message: M, batch: Received, receiver: Receiver<M>): void {
  keep(message, (fn) => runMessage(message, fn, batch, receiver));
}

/** Keeps in which context a message is handled. */
export function rememberContext(message: object, context: Context): void {
  keep(message, (fn) => contextApi.with(context, fn));
}

// What is no object is no message of theirs, which the handler reports.
function keep(message: unknown, run: RunIn): void {
  if (typeof message === 'object' && message !== null) batches.set(message, run);
}

/**
 * Returns what `fn` returns, run in the context of one message of the batch that is handled: spans opened in it belong to the message's
 * trace, and its baggage is active. A message without a context, or that the inbound policy or `maxParentAge` restarts, runs under the
 * batch's span, and one that is handled alone where it is. Hand in the very object that the handler was given. Safe in parallel.
 */
export function runWith<T>(message: object, fn: () => T): T {
  if (typeof fn !== 'function') {
    throw new ThroughlineError('ERR_THROUGHLINE_ARGUMENT', '`runWith` takes a message and the function to run.');
  }
  const run = typeof message === 'object' && message !== null ? batches.get(message) : undefined;
  return run === undefined ? fn() : run(fn);
}
