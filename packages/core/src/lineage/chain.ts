import type { LineageFields } from './codec.ts';
import { Deadline } from './deadline.ts';
import { amountOf, costLeft, fundsOf, tokensLeft } from './funds.ts';
import type { BudgetFields, Funds } from './funds.ts';

/** Where the work that runs now stands in its chain of agents and tools. */
export interface Lineage {
  /** Hops taken from the root of the chain to here. */
  readonly hops: number;
  readonly maxHops: number;
  /** The product of the attempt numbers along the chain: the ninth of two agents that try three times each. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly deadline: number | undefined;
  /** Calls that may still be made here and below; `undefined` where nobody set a budget. */
  readonly budget: number | undefined;
  /** Tokens that are left here; `undefined` where nobody set a budget of them. What a callee spends is not told back. */
  readonly tokens: number | undefined;
  /** Money that is left here, in your currency, as `tokens` are. */
  readonly cost: number | undefined;
  /** Outbound hops started under the inbound hop that runs now. */
  readonly calls: number;
  /** Short hashes of the last agents that sent, oldest first. */
  readonly path: readonly string[];
  /**
   * Aborts at the deadline, also for work that goes on after its hop: for as long as such work runs, or anybody holds the signal.
   * Listeners run in no context.
   */
  readonly signal: AbortSignal | undefined;
}

/** The calls that were made, counted for all the hops of one piece of work. */
export interface CallCount {
  /** Outbound hops started, of whatever outcome. */
  made: number;
}

/** The calls that are left of a budget, shared by all that draw on it. */
export interface CallsLeft {
  count: number;
}

/**
 * The lineage of what runs now: what the wire said, tightened, and what has been spent here. Immutable but for what is
 * counted.
 */
export interface Chain extends LineageFields {
  readonly calls: CallCount;
  /** `undefined` where there is no budget. */
  readonly left: CallsLeft | undefined;
  /** Tokens and money; `undefined` where there is no budget of them. */
  readonly funds: Funds | undefined;
  /** The deadline was set in this process, by `withDeadline`: its signal applies whatever the mode. */
  readonly ownDeadline: boolean;
  /** What a refused message is answered with, such as a dead letter, is past no limit. */
  readonly exempt: boolean;
  /** What makes the signal of `deadline`; shared by all copies of the chain under it. */
  readonly expiry: Deadline | undefined;
}

/** Returns the chain of who receives these fields. */
export function chainOf(fields: LineageFields): Chain {
  const { hops, maxHops, attempt, deadline, budget, path, tokens, cost } = fields;
  return {
    hops,
    maxHops,
    attempt,
    deadline,
    budget,
    path,
    tokens,
    cost,
    calls: { made: 0 },
    left: budget === undefined ? undefined : { count: budget },
    funds: fundsOf(fields, undefined),
    ownDeadline: false,
    exempt: false,
    expiry: deadline === undefined ? undefined : new Deadline(deadline),
  };
}

const noBudget: BudgetFields = Object.freeze({ budget: undefined, tokens: undefined, cost: undefined });

/** Returns the chain that begins here, or one hop after its start where `hops` is 1. */
export function rootChain(maxHops: number, given: BudgetFields = noBudget, hops = 0): Chain {
  const { budget, tokens, cost } = given;
  return chainOf({ hops, maxHops, attempt: 1, deadline: undefined, budget, path: '', tokens, cost });
}

/** Returns what the wire says of a chain as it stands now. */
export function standing(chain: Chain): LineageFields {
  const { hops, maxHops, attempt, deadline, left, path, funds } = chain;
  const budget = left?.count;
  return { hops, maxHops, attempt, deadline, budget, path, tokens: tokensLeft(funds), cost: costLeft(funds) };
}

/** Returns a chain as users see it. */
export function lineageOf(chain: Chain): Lineage {
  return {
    hops: chain.hops,
    maxHops: chain.maxHops,
    attempt: chain.attempt,
    deadline: chain.deadline,
    budget: chain.left?.count,
    tokens: tokensLeft(chain.funds),
    cost: amountOf(costLeft(chain.funds)),
    calls: chain.calls.made,
    path: chain.path === '' ? [] : chain.path.split('~'),
    get signal() {
      return chain.expiry?.signal;
    },
  };
}

/**
 * Returns one chain for work that several causes lead to, such as a batch: as deep as the deepest, and as tight as the
 * tightest. Deadlines and budgets are each cause's own and left out.
 */
export function foldedChain(chains: Iterable<LineageFields>): LineageFields | undefined {
  let folded: LineageFields | undefined;
  for (const chain of chains) {
    const { hops, maxHops, attempt, path } = chain;
    folded =
      folded === undefined
        ? { hops, maxHops, attempt, path, deadline: undefined, ...noBudget }
        : {
            hops: Math.max(folded.hops, hops),
            maxHops: Math.min(folded.maxHops, maxHops),
            attempt: Math.max(folded.attempt, attempt),
            path: hops > folded.hops ? path : folded.path,
            deadline: undefined,
            ...noBudget,
          };
  }
  return folded;
}
