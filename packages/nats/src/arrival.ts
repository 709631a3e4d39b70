import { warnOncePer, whenSettled } from '@throughline/core/adapter';
import { OpenMessage, runRefused } from '@throughline/core/messaging';
import type { OnRefused, ReceivedMessage, Receiver } from '@throughline/core/messaging';
import type { Refused } from '@throughline/core';
import { isArrival } from './message.ts';
import type { MessageLike } from './message.ts';

/** How the messages of one subscription, or of one consumer of JetStream, are received. */
export interface Reception {
  readonly receiver: Receiver<MessageLike>;
  readonly onRefused: OnRefused<MessageLike> | undefined;
  /** Returns a message as a hop sees it, or `undefined` for one that is no affair of ours. May throw. */
  read(message: MessageLike): ReceivedMessage | undefined;
  /** Returns what is handed out in place of a message. */
  view(message: MessageLike, open: OpenMessage): MessageLike;
  /** What is done with a message that is refused, where the user says nothing. */
  refuse(message: MessageLike, refused: Refused): void;
}

/** A message, and its hop, which is open. */
export interface Arrival {
  readonly message: MessageLike;
  readonly open: OpenMessage;
}

const arrivals = new WeakMap<object, OpenMessage>();

/** Opens the hop of a message; `undefined` for what is none of the user's messages, which goes on as it is. Never throws. */
export function arrive(raw: unknown, reception: Reception): Arrival | undefined {
  try {
    if (!isArrival(raw)) return undefined;
    const received = reception.read(raw);
    if (received === undefined) return undefined;
    const open = new OpenMessage(received, reception.receiver);
    const message = reception.view(raw, open);
    arrivals.set(raw, open);
    if (message !== raw) arrivals.set(message, open);
    return { message, open };
  } catch {
    return undefined;
  }
}

/**
 * Does what is to be done with a refused message, in place of handling it, and ends its hop. Never throws or rejects: the client would
 * end the whole subscription, or all reading, for it.
 */
export function refuse({ message, open }: Arrival, raw: MessageLike, reception: Reception): void | Promise<void> {
  const { receiver, onRefused } = reception;
  const refused = open.hop as Refused;
  const done = (failed: boolean, error: unknown): void => {
    open.end();
    if (failed)
      tell(
        'onRefused-failed',
        error,
        'an `onRefused` of @throughline/nats failed, and the message counts as refused all the same',
      );
  };
  tell('refused', refused.error, 'a message of NATS is past a limit of its chain, and is not handled');
  const work =
    onRefused === undefined ? () => reception.refuse(raw, refused) : () => runRefused(refused, onRefused, message);
  try {
    const result: unknown = whenSettled(work, done);
    if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return undefined;
    return Promise.resolve(result).then(nothing, nothing);
  } catch {
    return undefined;
  }

  function tell(key: string, error: unknown, what: string): void {
    const text = error instanceof Error ? error.message : String(error);
    warnOncePer(`nats-${key}`, receiver.groupId ?? '', `${what}: ${text}`);
  }
}

const nothing = (): void => {};

/**
 * Returns what `fn` returns, run in the context of a message that a traced connection or JetStream client handed out: its trace and
 * baggage. Safe in parallel. The body of a `for await` loop is in that context already; this is for a pool that works on what a loop
 * reads, for messages of `next()`, and for context managers that are not of `AsyncLocalStorage`. For a message that is not
 * traced `fn` is just called.
 *
 * @example
 * ```ts
 * for await (const message of messages) pool.run(() => runWith(message, () => handle(message)));
 * ```
 */
export function runWith<T>(message: object, fn: () => T): T {
  const open = arrivals.get(message);
  return open === undefined ? fn() : open.run(fn);
}
