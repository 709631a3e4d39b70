/** The moments of an answer, at which it can wait, be held or fail. */

import { deferred } from './deferred.ts';

/**
 * A moment of an answer.
 *
 * - `headers`: before the status and the headers
 * - `body`: between the headers and the first byte of the body
 * - `chunk:N`: before the Nth chunk of text or of a tool's arguments; the first is `chunk:1`
 * - `end`: before the events that close a stream
 *
 * An answer that is not streamed passes `headers`, then all chunks and `end` while nothing is sent, then `body`.
 */
export type Moment = 'headers' | 'body' | `chunk:${number}` | 'end';

/** Milliseconds to wait at each moment. `chunk` is for every chunk after the first; one with its own number has that instead. */
export type Wait = { readonly [at in Moment | 'chunk']?: number };

/** Returns the milliseconds to wait at a moment. */
export function waitAt(wait: Wait, at: Moment): number {
  return wait[at] ?? (at.startsWith('chunk:') && at !== 'chunk:1' ? wait.chunk : undefined) ?? 0;
}

/** Returns whether a text names a moment. */
export function isMoment(text: string): text is Moment {
  return /^(headers|body|end|chunk:[1-9]\d*)$/.test(text);
}

/** Holds an answer at a moment until it is released. */
export interface Hold {
  readonly at: Moment;
  /** Resolves when an answer has come to the moment; rejects when one was over without coming there. */
  readonly reached: Promise<void>;
  /** Lets the answer go on, and every later one that comes here. */
  release(): void;
  /** Says that an answer is here, and resolves when it may go on. The stand-in calls it. */
  arrive(): Promise<void>;
  /** Says that an answer was over without coming here. The stand-in calls it. */
  miss(why: string): void;
}

/**
 * Returns a hold for `Behaviour.hold`.
 *
 * @example
 * ```ts
 * const hold = holdAt('chunk:3');
 * model.next({ text: 'one two three four', hold });
 * const stream = await openai.chat.completions.create({ model: 'm', messages, stream: true });
 * await hold.reached; // two chunks are sent
 * hold.release();
 * ```
 */
export function holdAt(at: Moment): Hold {
  const reached = deferred<void>();
  const released = deferred<void>();
  return {
    at,
    reached: reached.promise,
    release: () => released.resolve(),
    arrive: () => {
      reached.resolve();
      return released.promise;
    },
    miss: (why) => reached.reject(new Error(`The answer never came to ${at}: ${why}`)),
  };
}
