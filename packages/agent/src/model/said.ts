import type { ModelAnswer } from '../step.ts';

/** What a chunk of a stream says, or a whole answer. */
export interface Said extends ModelAnswer {
  /** Text of the answer. */
  readonly text?: string | undefined;
  /** Part of a tool call, or one. */
  readonly toolCall?: boolean | undefined;
  /** The answer says that it has failed, and why. */
  readonly error?: unknown;
  /** Seconds in the provider's queue, as it reports them. */
  readonly queueSeconds?: unknown;
}

/** Returns what a chunk says, or `undefined` where it says nothing. It may throw: then the chunk says nothing. */
export type AnswerReader = (chunk: unknown) => Said | undefined;

/** An object of somebody else's, of which anything may be there. */
export type Loose = Readonly<Record<string, unknown>>;

/** Returns a value as an object whose members can be asked for, whatever it is. */
export function loose(value: unknown): Loose {
  return typeof value === 'object' && value !== null ? (value as Loose) : NOTHING;
}

const NOTHING: Loose = {};

/** Returns a value that is a text, which may be empty: a chunk of a stream often is. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
