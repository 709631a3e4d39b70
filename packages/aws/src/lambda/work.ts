import type { EventKind, Loose } from './event.ts';
import type { Invocation } from './invocation.ts';
import type { ResponseStream } from './stream.ts';

/** What a function is invoked for, and how it is run. */
export interface Work {
  readonly event: Loose;
  readonly kind: EventKind;
  readonly invocation: Invocation;
  /** Milliseconds after which the span is given up. */
  readonly timeout: number | undefined;
  /** Called when that was done. */
  readonly gaveUp: () => void;
  /** Where the answer is written to, of a handler that streams it. */
  readonly stream: ResponseStream | undefined;
  /** Runs the handler, for an event. */
  call(event: unknown): unknown;
}
