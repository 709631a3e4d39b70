import type { ChainFindingCode, CollectedSpan } from '@throughline/verify';
import type { Random } from '@throughline/test-hostile/random';
import type { Family } from './family.ts';

/** An error that is to be found, or may be. */
export interface Need {
  /** Any of these. */
  readonly codes: readonly ChainFindingCode[];
  readonly from?: string;
  readonly to?: string;
}

/** Spans that were changed, and what is right to say of them. */
export interface Mutated {
  readonly spans: readonly CollectedSpan[];
  /** What the checker is told that the capture should hold. */
  readonly services?: readonly string[];
  readonly must: readonly Need[];
  /** What cannot be told, and may be said. Default: nothing. */
  readonly may?: readonly Need[];
}

/** One change. It is drawn once, and can be made again of fewer spans: `undefined` where what it changes is not among them. */
export interface Mutation {
  /** What it does, to which spans: enough to make it again by hand. */
  readonly name: string;
  apply(family: Family): Mutated | undefined;
}

/** Draws a mutation, `undefined` where there is nothing to change in this way. */
export type Draw = (family: Family, random: Random) => Mutation | undefined;

/** Returns the spans with one put in the place of another. */
export function replaced(family: Family, span: CollectedSpan, by: Partial<CollectedSpan>): CollectedSpan[] {
  return family.spans.map((each) => (each === span ? { ...each, ...by } : each));
}
