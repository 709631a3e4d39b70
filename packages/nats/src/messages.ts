import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { enterContext, replacing, viewOf } from '@throughline/core/adapter';
import { arrive, refuse } from './arrival.ts';
import type { Arrival, Reception } from './arrival.ts';
import type { MessageLike } from './message.ts';

/*
 * The body of a `for await` loop runs in the context of its message:
 *
 *     loop         next() ─── await ───▶ result.value ─── body ───▶ next() ─── await ───▶ …
 *     context      as it was             the message's              as it was
 *     span                               open                       ends
 *
 * A loop reads `value` of the result in the very continuation that then runs its body, so `value` is an accessor that enters the
 * message's context there. It ends with the task, or where the loop asks for the next message, breaks, throws or returns: each calls
 * this iterator, which enters what was active before. Loops that run at the same time have tasks of their own.
 */

type Result = IteratorResult<unknown>;
type Method = (...args: unknown[]) => unknown;

/** The result of `next` for one message that is out. A class, so that V8 has one kind of object for all of them. */
class Delivered {
  readonly done = false;
  readonly arrival: Arrival;
  /** What was active where it was asked for. */
  readonly outer: Context;
  #entered = false;

  constructor(arrival: Arrival, outer: Context) {
    this.arrival = arrival;
    this.outer = outer;
  }

  get value(): unknown {
    const { message, open } = this.arrival;
    if (!this.#entered) {
      this.#entered = true;
      enterContext(open.context);
    }
    return message;
  }
}

const { asyncDispose } = Symbol as { readonly asyncDispose?: symbol };

/** Returns a view of what is iterated by `for await`, whose messages are hops. */
export function tracedMessages<I extends object>(iterable: I, reception: Reception): I {
  const target = iterable as Record<PropertyKey, Method>;
  const iterate: Method = (...args) => {
    const iterator = (target[Symbol.asyncIterator] as Method)(...args);
    return typeof iterator === 'object' && iterator !== null
      ? tracedIterator(iterator as AsyncIterator<unknown>, reception)
      : iterator;
  };
  return viewOf(iterable, replacing({ [Symbol.asyncIterator]: iterate }));
}

function tracedIterator(target: AsyncIterator<unknown>, reception: Reception): AsyncIterator<unknown> {
  const reading = new Reading(target, reception);
  const members: Record<PropertyKey, Method> = {
    next: (...args) => reading.next(args),
    [Symbol.asyncIterator]: () => view,
  };
  for (const name of ['return', 'throw'] as const) {
    if (typeof target[name] === 'function')
      members[name] = (...args) => reading.leave(() => (target[name] as Method)(...args));
  }
  if (asyncDispose !== undefined && asyncDispose in target) {
    members[asyncDispose] = (...args) =>
      reading.leave(() => (target as unknown as Record<symbol, Method>)[asyncDispose]?.(...args));
  }
  const view: AsyncIterator<unknown> = viewOf(target, replacing(members));
  return view;
}

class Reading {
  readonly #target: AsyncIterator<unknown>;
  readonly #reception: Reception;
  readonly #out = new Set<Delivered>();
  // How many ask at once, now and at most: a pool may share an iterator, and each of it has one message.
  #asking = 0;
  #most = 1;

  constructor(target: AsyncIterator<unknown>, reception: Reception) {
    this.#target = target;
    this.#reception = reception;
  }

  async next(args: unknown[]): Promise<Result> {
    this.#release();
    const outer = contextApi.active();
    this.#asking++;
    this.#most = Math.max(this.#most, this.#asking);
    // Who asks has done with what it had. Where that could not be told by the context, it is the oldest.
    for (const delivered of this.#out) {
      if (this.#out.size + this.#asking <= this.#most) break;
      this.#end(delivered);
    }
    try {
      for (;;) {
        const result = await (this.#target.next as (...given: unknown[]) => Promise<Result>)(...args);
        if (result.done === true) return result;
        const arrival = arrive(result.value, this.#reception);
        if (arrival === undefined) return result;
        if (arrival.open.hop.refused === undefined) {
          const delivered = new Delivered(arrival, outer);
          this.#out.add(delivered);
          return delivered;
        }
        // It is passed over: to throw would end the loop for all messages.
        await refuse(arrival, result.value as MessageLike, this.#reception);
      }
    } finally {
      this.#asking--;
    }
  }

  /** Returns what `leave` returns, once the loop is left. */
  leave(leave: () => unknown): unknown {
    if (!this.#release()) for (const delivered of this.#out) this.#end(delivered);
    return leave();
  }

  /** Ends the message in whose context this is called, and goes back to the context before. Returns whether there was one. */
  #release(): boolean {
    const active = contextApi.active();
    for (const delivered of this.#out) {
      if (delivered.arrival.open.context !== active) continue;
      this.#end(delivered);
      enterContext(delivered.outer);
      return true;
    }
    return false;
  }

  #end(delivered: Delivered): void {
    this.#out.delete(delivered);
    delivered.arrival.leave();
  }
}
