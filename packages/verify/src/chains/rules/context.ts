import type { Arrival, Capture } from '../arrivals.ts';
import type { Chains } from '../chains.ts';
import type { ChainFinding } from '../finding.ts';
import type { Strays } from '../strays.ts';

/** What a rule judges. */
export interface Judged extends Capture {
  readonly arrivals: readonly Arrival[];
  readonly strays: Strays;
  readonly chains: Chains;
}

/** A rule: what it finds in a capture. */
export type ChainRule = (judged: Judged) => readonly ChainFinding[];
