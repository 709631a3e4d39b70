import type { ProbeCase, Sent } from '../cases/probe-case.ts';

/** The trace of an answer that names it: `traceresponse`, or `Server-Timing: traceparent`. */
export interface AnsweredTrace {
  readonly traceId: string;
  readonly sampled: boolean;
}

export interface Answered {
  readonly kind: 'answered';
  /** As it is told, and compared with that of a plain request: `200`, `error -32602`. */
  readonly status: string;
  /** What the status says by itself. */
  readonly served: 'yes' | 'refused' | 'failed' | 'limited';
  readonly trace?: AnsweredTrace | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly text: string;
}

export type Answer =
  | Answered
  /** It took the request, and ended the connection without an answer. */
  | { readonly kind: 'cut'; readonly reason: string }
  /** It took the request, and did not answer in time. */
  | { readonly kind: 'silent' }
  /** Nothing took the request. */
  | { readonly kind: 'unreachable'; readonly reason: string };

/** Tells one request from all others. */
export interface Stamp {
  readonly key: string;
  /** What `{{callback}}` stands for. */
  readonly callback?: string | undefined;
}

/** What is probed. */
export interface Target {
  readonly kind: 'http' | 'mcp' | 'a2a';
  /** For people: what is asked for, and of whom. */
  readonly name: string;
  readonly cases: readonly ProbeCase[];
  /** The probe started it: all that it does is done for the probe. */
  readonly isOurs: boolean;
  /** Sends a request. Resolves with what came of it, and never rejects. */
  send(sent: Sent, stamp: Stamp): Promise<Answer>;
  /** Whether it would take a request. Sends none. */
  isThere(): Promise<boolean>;
  /** Connects anew. Resolves with whether it could, within so many milliseconds. */
  revive(withinMs: number): Promise<boolean>;
  close(): Promise<void>;
}
