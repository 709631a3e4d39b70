import type { Random } from '@throughline/test-hostile/random';

/** Load of one kind. Each is a file that exports one of these as `scenario`, and runs in a process of its own. */
export interface Scenario {
  readonly name: string;
  /** What is counted, in the plural. */
  readonly unit: string;
  /** How many make a run that is not told how long it is. */
  readonly count: number;
  /** Fewer than these show nothing: they are done even where the time is up. */
  readonly least?: number;
  start(soak: Soak): Promise<Load>;
}

/** A scenario that runs. */
export interface Load {
  /** Does some more, and resolves with how many once they have come back. */
  step(): Promise<number>;
  /** Ends all that it started. */
  stop(): Promise<void>;
}

/** What a scenario is given. */
export interface Soak {
  readonly random: Random;
  /** Runs `work` as a chain of its own: below a root span, with the chain's name in baggage. */
  chain<T>(work: (name: string) => Promise<T>): Promise<T>;
  /** Compares the chain that the payload names with the active span and the active baggage. Call it at every hop. */
  here(name: string | undefined, where: string): void;
  /** Says that the context on the wire, such as a `traceparent`, is or is not the one of the chain that the payload names. */
  crossedUnless(same: boolean, where: string): void;
  /** Counts what the printed line tells beside the unit, such as `aborted`. */
  tally(what: string, count?: number): void;
  /** Something came out otherwise than it does without us. */
  differs(what: string): void;
}

/** Thrown by `start` where the scenario cannot run here. */
export class Skipped extends Error {}
