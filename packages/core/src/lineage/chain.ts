import { context as contextApi, createContextKey, propagation } from '@opentelemetry/api';
import type { Baggage, Context } from '@opentelemetry/api';
import { ThroughlineError } from '../errors.ts';
import { layered } from '../context/layer.ts';
import { lineageText } from './member.ts';
import { parseLineage } from './codec.ts';
import type { LineageFields } from './codec.ts';
import type { LineageRules } from './rules.ts';
import { receiptOf } from './state.ts';
import { whenSettled } from '../hop/settled.ts';

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
  /** Outbound hops started under the inbound hop that runs now. */
  readonly calls: number;
  /** Short hashes of the last agents that sent, oldest first. */
  readonly path: readonly string[];
  /** Aborts at the deadline. */
  readonly signal: AbortSignal | undefined;
}

/** What the hops of one piece of work draw on together. */
export interface Account {
  /** Outbound hops started, of whatever outcome. */
  calls: number;
}

/** Calls that are left, shared by all that draw on it. */
export interface Purse {
  left: number;
}

/**
 * The lineage of what runs now, kept in its context. What the wire said, tightened, and what has been spent here. Immutable but
 * for the account and the purse.
 */
export interface Chain extends LineageFields {
  /** The member's text that this came from, to notice when another one was extracted over it. */
  readonly source: string | undefined;
  readonly account: Account;
  readonly purse: Purse | undefined;
  /** The deadline was set in this process, by `withDeadline`: its signal applies whatever the mode. */
  readonly ownDeadline: boolean;
  /** What a refused message is answered with, such as a dead letter, is past no limit. */
  readonly exempt?: boolean;
  signal: AbortSignal | undefined;
  /** The text of the member that was sent last from here, and under which rules. */
  sent: string | undefined;
  sentBy: object | undefined;
}

// Same key in every loaded copy: createContextKey is Symbol.for.
const chainKey = createContextKey('throughline.lineage');

/** Returns the start of a chain, or what follows on a first hop that says nothing of one. */
export function rootChain(maxHops: number, budget: number | undefined, hops = 0): Chain {
  return {
    hops,
    maxHops,
    attempt: 1,
    deadline: undefined,
    budget,
    path: '',
    source: undefined,
    account: { calls: 0 },
    purse: budget === undefined ? undefined : { left: budget },
    ownDeadline: false,
    signal: undefined,
    sent: undefined,
    sentBy: undefined,
  };
}

/** Returns the chain that a receiver of these fields is in. */
export function chainOf(fields: LineageFields, source: string | undefined): Chain {
  return {
    ...fields,
    source,
    account: { calls: 0 },
    purse: fields.budget === undefined ? undefined : { left: fields.budget },
    ownDeadline: false,
    signal: undefined,
    sent: undefined,
    sentBy: undefined,
  };
}

/** Returns the chain that an inbound hop is in: what it was offered, tightened. */
export function enteredChain(rules: LineageRules, offered: LineageFields, source: string | undefined): Chain {
  const { maxHops, budget } = offered;
  const tight = maxHops <= rules.maxHops && (rules.budget === undefined || (budget ?? Infinity) <= rules.budget);
  if (tight) return chainOf(offered, source);
  return chainOf(
    {
      ...offered,
      maxHops: Math.min(maxHops, rules.maxHops),
      budget: rules.budget === undefined ? budget : Math.min(budget ?? Infinity, rules.budget),
    },
    source,
  );
}

/** Returns `context` with a chain, which counts before that of its inbound hop. */
export function withChain(context: Context, chain: Chain): Context {
  return context.setValue(chainKey, chain);
}

/**
 * Returns the chain that a context is in. Baggage that another propagator extracted holds one too; where both are there
 * the deeper counts, so that no extraction over a context loses hops.
 */
export function activeChain(context: Context): Chain | undefined {
  return chainIn(context, propagation.getBaggage(context));
}

/** {@link activeChain}, for who knows the baggage of the context already. */
export function chainIn(context: Context, baggage: Baggage | undefined): Chain | undefined {
  const chain = (context.getValue(chainKey) as Chain | undefined) ?? chainOfHop(context);
  const text = lineageText(baggage);
  if (text === undefined || text === chain?.source) return chain;
  const carried = parseLineage(text);
  if (carried === undefined || (chain !== undefined && chain.hops >= carried.hops)) return chain;
  return chain === undefined ? chainOf(carried, text) : { ...chain, hops: carried.hops, source: text, sent: undefined };
}

/** Returns `context` for what is done about a refused hop, such as sending its message to a dead-letter topic: no limit holds. */
export function exempted(context: Context): Context {
  const chain = activeChain(context);
  return chain === undefined ? context : withChain(layered(context), { ...chain, exempt: true });
}

function chainOfHop(context: Context): Chain | undefined {
  const receipt = receiptOf(context);
  if (receipt?.rules === undefined) return undefined;
  const { offered, depth, rules } = receipt;
  return (receipt.chain ??=
    offered === undefined
      ? rootChain(rules.maxHops, rules.budget, depth)
      : enteredChain(rules, offered.fields, offered.member));
}

/**
 * Returns the context of an inbound hop without a chain that it is not in itself, such as that of an attempt around it. The hop's
 * own is in its receipt.
 */
export function withoutChain(context: Context): Context {
  return context.deleteValue(chainKey);
}

/**
 * Returns where the work that runs now stands in its chain, or `undefined` where it is in none.
 *
 * @example
 * ```ts
 * const { hops, signal } = currentLineage() ?? {};
 * ```
 */
export function currentLineage(context: Context = contextApi.active()): Lineage | undefined {
  const chain = activeChain(context);
  return chain === undefined ? undefined : lineageOf(chain);
}

/** Returns a chain as users see it. */
export function lineageOf(chain: Chain): Lineage {
  return {
    hops: chain.hops,
    maxHops: chain.maxHops,
    attempt: chain.attempt,
    deadline: chain.deadline,
    budget: chain.purse?.left,
    calls: chain.account.calls,
    path: chain.path === '' ? [] : chain.path.split('~'),
    get signal() {
      return deadlineSignal(chain);
    },
  };
}

// What the member has room for: the year 5188.
const MAX_DEADLINE = 36 ** 9 - 1;
// setTimeout's limit, about 24 days. A later deadline needs no timer.
const MAX_TIMEOUT = 2_147_483_647;

/** Returns the signal that aborts at the deadline of a chain, one for all who ask. */
export function deadlineSignal(chain: Chain): AbortSignal | undefined {
  if (chain.deadline === undefined) return undefined;
  if (chain.signal !== undefined) return chain.signal;
  const left = Math.ceil(chain.deadline - Date.now());
  chain.signal = left <= 0 ? AbortSignal.abort(timeoutError()) : AbortSignal.timeout(Math.min(left, MAX_TIMEOUT));
  return chain.signal;
}

function timeoutError(): DOMException {
  return new DOMException('The operation was aborted due to timeout', 'TimeoutError');
}

/**
 * Returns what `fn` returns, run as attempt `n` (from 1) of the same work. The calls it makes carry it; attempts multiply
 * along the chain, so that a cascade of retries shows as what it is. Throws a {@link ThroughlineError} for another `n`.
 *
 * @example
 * ```ts
 * for (let n = 1; n <= 3; n++) {
 *   const answer = await withAttempt(n, () => fetch(url));
 *   if (answer.ok) break;
 * }
 * ```
 */
export function withAttempt<T>(n: number, fn: () => T): T {
  if (!Number.isInteger(n) || n < 1 || n > 1_000_000) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`withAttempt` takes the number of the attempt, from 1, and a function.',
    );
  }
  const context = contextApi.active();
  const chain = activeChain(context) ?? rootChain(Infinity, undefined);
  return contextApi.with(
    withChain(layered(context), { ...chain, attempt: Math.min(chain.attempt * n, 999_999_999), sent: undefined }),
    fn,
  );
}

/**
 * Returns what `fn` returns, run under a deadline of `ms` milliseconds from now, or the chain's own where that is sooner. It
 * travels with every call that `fn` makes; `fn` gets the signal that aborts then, and traced fetches and MCP calls
 * are aborted by it too. Throws a {@link ThroughlineError} for a time that is none.
 */
export function withDeadline<T>(ms: number, fn: (signal: AbortSignal) => T): T {
  if (typeof ms !== 'number' || !(ms >= 0)) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`withDeadline` takes milliseconds from now, and a function.',
    );
  }
  const context = contextApi.active();
  const chain = activeChain(context) ?? rootChain(Infinity, undefined);
  const deadline = Math.min(chain.deadline ?? MAX_DEADLINE, Math.ceil(Date.now() + ms));
  const bounded: Chain = { ...chain, deadline, ownDeadline: true, signal: undefined, sent: undefined };
  const signal = deadlineSignal(bounded) as AbortSignal;
  return contextApi.with(withChain(layered(context), bounded), () => fn(signal));
}

/**
 * Returns what `fn` returns, run with at most `calls` calls for it and for all that happens below it, or what is left of
 * the chain's own budget where that is less. What `fn` did not spend by the time it returns, or its promise settles, goes
 * back. Throws a {@link ThroughlineError} for a count that is none.
 */
export function withBudget<T>(calls: number, fn: () => T): T {
  if (!Number.isInteger(calls) || calls < 0 || calls > 999_999_999) {
    throw new ThroughlineError('ERR_THROUGHLINE_ARGUMENT', '`withBudget` takes a number of calls, and a function.');
  }
  const context = contextApi.active();
  const chain = activeChain(context) ?? rootChain(Infinity, undefined);
  const from = chain.purse;
  const purse: Purse = { left: from === undefined ? calls : Math.min(calls, from.left) };
  if (from !== undefined) from.left -= purse.left;
  const inside = withChain(layered(context), { ...chain, budget: calls, purse });
  return whenSettled(
    () => contextApi.with(inside, fn),
    () => {
      if (from !== undefined) from.left += purse.left;
      purse.left = 0;
    },
  );
}

/**
 * Returns one chain for work that several causes lead to, such as a batch: as deep as the deepest, and as tight as the
 * tightest. Deadlines and budgets are each cause's own and left out.
 */
export function foldedChain(chains: Iterable<LineageFields>): LineageFields | undefined {
  let folded: LineageFields | undefined;
  for (const chain of chains) {
    folded =
      folded === undefined
        ? { ...chain, deadline: undefined, budget: undefined }
        : {
            hops: Math.max(folded.hops, chain.hops),
            maxHops: Math.min(folded.maxHops, chain.maxHops),
            attempt: Math.max(folded.attempt, chain.attempt),
            deadline: undefined,
            budget: undefined,
            path: chain.hops > folded.hops ? chain.path : folded.path,
          };
  }
  return folded;
}
