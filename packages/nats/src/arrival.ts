import { attachments, textOf, warnOncePer, whenSettled } from '@throughline/core/adapter';
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
export class Arrival {
  readonly message: MessageLike;
  readonly open: OpenMessage;
  #running = 0;
  #isLeft = false;

  constructor(message: MessageLike, open: OpenMessage) {
    this.message = message;
    this.open = open;
  }

  /** Returns what `fn` returns, run in the context of the message, whose span then ends no sooner than `fn` settles. */
  run<T>(fn: () => T): T {
    this.#running++;
    return whenSettled(
      () => this.open.run(fn),
      (failed, error) => {
        this.#running--;
        if (this.#isLeft && this.#running === 0) this.open.end(failed ? { failed, error } : undefined);
      },
    );
  }

  /** Ends the hop of a message that whoever was given it has done with, once nothing runs any more that was given to `run`. */
  leave(): void {
    this.#isLeft = true;
    if (this.#running === 0) this.open.end();
  }
}

const arrivals = attachments<Arrival>();

/** Opens the hop of a message; `undefined` for what is none of the user's messages, which goes on as it is. Never throws. */
export function arrive(raw: unknown, reception: Reception): Arrival | undefined {
  try {
    if (!isArrival(raw)) return undefined;
    const received = reception.read(raw);
    if (received === undefined) return undefined;
    const open = new OpenMessage(received, reception.receiver);
    const message = reception.view(raw, open);
    const arrival = new Arrival(message, open);
    arrivals.set(message, arrival);
    return arrival;
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
  const by = receiver.groupId ?? '';
  const done = (failed: boolean, error: unknown): void => {
    open.end();
    if (!failed) return;
    const text = textOf(error);
    warnOncePer(
      'nats-on-refused',
      by,
      `an \`onRefused\` of NATS failed; the message counts as refused all the same: ${text}`,
    );
  };
  warnOncePer(
    'nats-refused',
    by,
    `a message of NATS is past a limit of its chain, and is not handled: ${refused.message}`,
  );
  const work =
    onRefused === undefined ? () => reception.refuse(raw, refused) : () => runRefused(refused, onRefused, message);
  try {
    const result: unknown = whenSettled(work, done);
    if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return undefined;
    return Promise.resolve(result).then(nothing, nothing);
  } catch {
    return undefined;
  }
}

const nothing = (): void => {};

/**
 * Returns what `fn` returns, run in the context of a message that a traced connection or JetStream client handed out: its trace and
 * baggage. Safe in parallel. The body of a `for await` loop and a callback are in that context already; this is for a pool that works on
 * what they are given, whose span then ends with `fn` rather than when the loop goes on or the callback returns; for messages of
 * `next()`; and for context managers that are not of `AsyncLocalStorage`. For a message that is not traced `fn` is just called.
 *
 * @example
 * ```ts
 * for await (const message of messages) pool.run(() => runWith(message, () => handle(message)));
 * ```
 */
export function runWith<T>(message: object, fn: () => T): T {
  const arrival = arrivals.get(message);
  return arrival === undefined ? fn() : arrival.run(fn);
}
