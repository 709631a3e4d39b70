import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { ThroughlineError } from '../errors.ts';
import { whenSettled } from '../settled.ts';
import { lineageOf, rootChain } from './chain.ts';
import type { CallsLeft, Chain, Lineage } from './chain.ts';
import { Deadline } from './deadline.ts';
import { budgetFields, fundsOf } from './funds.ts';
import type { Budget } from './funds.ts';
import { activeChain, withChain } from './state.ts';

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
  const chain = chainHere(context);
  return contextApi.with(withChain(context, { ...chain, attempt: Math.min(chain.attempt * n, 999_999_999) }), fn);
}

// What the member has room for: the year 5188.
const MAX_DEADLINE = 36 ** 9 - 1;

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
  const chain = chainHere(context);
  const deadline = Math.min(chain.deadline ?? MAX_DEADLINE, Math.ceil(Date.now() + ms));
  const expiry = new Deadline(deadline);
  expiry.hold();
  return whenSettled(
    () =>
      contextApi.with(
        withChain(context, { ...chain, deadline, ownDeadline: true, expiry }),
        fn,
        undefined,
        expiry.signal,
      ),
    () => expiry.release(),
  );
}

/**
 * Returns what `fn` returns, run with at most this budget for it and for all that happens below it, or what is left of the
 * chain's own where that is less. A number is one of calls.
 *
 * Calls are set aside: what `fn` did not spend by the time it returns, or its promise settles, goes back. Tokens and money are taken
 * by `spendBudget`, from here and from every budget around it in this process. They travel: whoever is called is given what is left
 * at that moment, and what it spends is not told back. Throws a {@link ThroughlineError} for what is no budget.
 *
 * @example
 * ```ts
 * const answer = await withBudget({ calls: 20, tokens: 50_000, cost: 0.25 }, () => research(question));
 * ```
 */
export function withBudget<T>(budget: number | Budget, fn: () => T): T {
  const given = budgetFields(budget);
  if (given === undefined) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`withBudget` takes a number of calls, or { calls, tokens, cost } with at least one of them, and a function.',
    );
  }
  const context = contextApi.active();
  const chain = chainHere(context);
  const funds = fundsOf(given, chain.funds);
  const { budget: calls } = given;
  if (calls === undefined) return contextApi.with(withChain(context, { ...chain, funds }), fn);
  const from = chain.left;
  const left: CallsLeft = { count: from === undefined ? calls : Math.min(calls, from.count) };
  if (from !== undefined) from.count -= left.count;
  return whenSettled(
    () => contextApi.with(withChain(context, { ...chain, budget: calls, left, funds }), fn),
    () => {
      if (from !== undefined) from.count += left.count;
      left.count = 0;
    },
  );
}

function chainHere(context: Context): Chain {
  return activeChain(context) ?? rootChain(Infinity);
}
