import type { Context, Span } from '@opentelemetry/api';
import type { Outcome } from '../telemetry/outcome.ts';
import type { Lineage } from './chain.ts';

/** Which limit of its chain a hop went past. */
export type LineageReason = 'hops' | 'calls' | 'budget' | 'tokens' | 'cost' | 'attempts' | 'deadline';

/**
 * A hop that went past a limit of its chain and, in `enforce` mode, was refused before any work. Compare `code`: two
 * loaded copies of this package have two classes.
 */
export class LineageError extends Error {
  override readonly name = 'LineageError';
  readonly code = 'ERR_THROUGHLINE_REFUSED';
  readonly reason: LineageReason;
  readonly lineage: Lineage;

  constructor(reason: LineageReason, lineage: Lineage) {
    super(refusalMessage(reason, lineage));
    this.reason = reason;
    this.lineage = lineage;
  }
}

/**
 * A hop that was refused. Nothing was sent, and no work may be done: answer in the transport's own terms (or throw `error`),
 * then call `end`.
 */
export interface Refused {
  readonly refused: LineageReason;
  readonly error: LineageError;
  /** What happened and what to do instead, for a person or a model. */
  readonly message: string;
  readonly context: Context;
  /** The hop's span, which shows the refusal. */
  readonly span: Span;
  readonly outcome: 'refused';
  /** Runs `tell` with the hop's span where it is ours and recorded. What it throws is told once, and goes no further. */
  describe(tell: (span: Span) => void): void;
  /** Ends the hop. By default its error is `error`. Idempotent. */
  end(outcome?: Outcome): void;
}

/** Whether `error` is a refusal, of any loaded copy of this package. */
export function isLineageError(error: unknown): error is LineageError {
  return (
    typeof error === 'object' && error !== null && (error as { code?: unknown }).code === 'ERR_THROUGHLINE_REFUSED'
  );
}

// A model may read this as the result of a tool: it says what to do now.
function refusalMessage(reason: LineageReason, { hops, maxHops, attempt, calls }: Lineage): string {
  const now = 'Do not try again: answer with what you have.';
  switch (reason) {
    case 'hops':
      return `Refused: this chain of agents and tools is ${hops} hops deep, and its limit is ${maxHops}. Agents may be delegating to each other in a circle. ${now}`;
    case 'calls':
      return `Refused: ${calls} calls were made for one request, which is the limit. A loop may be calling the same thing again and again. ${now}`;
    case 'budget':
      return `Refused: the calls that this chain of agents and tools was given are spent. ${now}`;
    case 'tokens':
      return `Refused: the tokens that this chain of agents and tools was given are spent. ${now}`;
    case 'cost':
      return `Refused: the money that this chain of agents and tools was given is spent. ${now}`;
    case 'attempts':
      return `Refused: this is attempt ${attempt} of the same work, counted over all who retry it, which is past the limit. ${now}`;
    case 'deadline':
      return `Refused: the deadline of this chain of agents and tools has passed. ${now}`;
  }
}

/** Returns how a refused hop comes out, where the adapter says nothing else. */
export function refusalOutcome(error: LineageError | undefined): Outcome | undefined {
  return error === undefined ? undefined : { error, errorType: `throughline.${error.reason}` };
}
