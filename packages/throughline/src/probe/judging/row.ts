import type { Evidence } from '../sightings.ts';

/** What the target did. */
export type Outcome =
  | 'continued'
  /** Passed on as it came; nothing took part in the trace. */
  | 'relayed'
  /** A trace of its own, in the place of a valid one. */
  | 'restarted'
  /** A trace of its own, as what came was not valid. */
  | 'ignored'
  /** A trace of its own, as nothing came. */
  | 'started'
  | 'leaked'
  /** Nothing that it should keep came to the callback. */
  | 'kept'
  | 'refused'
  | 'failed'
  /** The connection ended without an answer. */
  | 'dropped'
  | 'hung'
  | 'crashed'
  | 'unknown'
  | 'not sent';

export type Level = 'ok' | 'warning' | 'fail';

/** What one rule says of a case. */
export interface Remark {
  readonly level: Level;
  readonly by: Evidence;
  /** Where it is what the target did, and not a detail of it. */
  readonly outcome?: Outcome;
  readonly words?: string;
}

/** How the target is to treat those who ask. */
export interface Expectations {
  /** Strangers ask: their traces are not to be continued, and their baggage goes nowhere. */
  readonly publicEdge: boolean;
  /** The callback is a stranger: no baggage is to go there. */
  readonly thirdParty: boolean;
}

/** A line of the table. */
export interface Row {
  readonly case: string;
  readonly about: string;
  readonly outcome: Outcome;
  /** `unknown` where nothing tells. */
  readonly level: Level | 'unknown';
  readonly evidence: readonly Evidence[];
  readonly details: readonly string[];
}

/** Worse first: what is told where several happened. */
const GRAVEST: readonly Outcome[] = ['crashed', 'hung', 'dropped', 'failed', 'leaked', 'refused'];
const LEVELS: readonly Level[] = ['fail', 'warning', 'ok'];

/** Returns the line for a case of which these rules said these things. */
export function rowOf(about: Pick<Row, 'case' | 'about'>, remarks: readonly Remark[]): Row {
  const outcomes = remarks.map(({ outcome }) => outcome).filter((outcome) => outcome !== undefined);
  const outcome = GRAVEST.find((grave) => outcomes.includes(grave)) ?? outcomes[0] ?? 'unknown';
  const level = LEVELS.find((one) => remarks.some((remark) => remark.level === one)) ?? 'unknown';
  return {
    ...about,
    outcome,
    // A detail that is right does not make up for what nobody saw.
    level: outcome === 'unknown' && level === 'ok' ? 'unknown' : level,
    evidence: [...new Set(remarks.map(({ by }) => by))],
    details: [...new Set(remarks.map(({ words }) => words).filter((words) => words !== undefined))],
  };
}
