import type { Bench } from './bench.ts';
import type { Ability } from './harness.ts';

/** One rule that every adapter keeps, for one direction. */
export interface Rule {
  readonly name: string;
  /** What an adapter must be able to do for the rule to say anything of it. */
  readonly needs?: readonly Ability[];
  run(bench: Bench): Promise<void>;
}
