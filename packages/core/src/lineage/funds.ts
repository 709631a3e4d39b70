import { MAX_COST, MAX_COUNT } from './codec.ts';

/** What a piece of work, and all that it calls, may use. At least one of the three. */
export interface Budget {
  /** Calls at all depths together. */
  readonly calls?: number | undefined;
  /** Tokens of models. */
  readonly tokens?: number | undefined;
  /** Money in your currency, such as 0.25. One chain counts in one currency. */
  readonly cost?: number | undefined;
}

/** What a call has used, as its provider says it: what is no amount counts as nothing. */
export type Spent = Pick<Budget, 'tokens' | 'cost'>;

/** Which of the funds are spent. */
export type FundsReason = keyof Spent;

/** What a {@link Budget} says, as it travels: money in whole millionths. */
export interface BudgetFields {
  readonly budget: number | undefined;
  readonly tokens: number | undefined;
  readonly cost: number | undefined;
}

const MILLIONTHS = 1_000_000;

const BUDGETS: Readonly<Record<keyof Budget, true>> = { calls: true, tokens: true, cost: true };

/** Returns what a budget says, or `undefined` where it is none. A number is one of calls. */
export function budgetFields(given: unknown): BudgetFields | undefined {
  if (typeof given === 'number')
    return isWhole(given) ? { budget: given, tokens: undefined, cost: undefined } : undefined;
  if (typeof given !== 'object' || given === null) return undefined;
  if (Object.keys(given).some((name) => !Object.hasOwn(BUDGETS, name))) return undefined;
  const { calls, tokens, cost } = given as Budget;
  if (calls === undefined && tokens === undefined && cost === undefined) return undefined;
  if (calls !== undefined && !isWhole(calls)) return undefined;
  if (tokens !== undefined && !isWhole(tokens)) return undefined;
  if (cost !== undefined && !(isAmount(cost) && cost * MILLIONTHS <= MAX_COST)) return undefined;
  return { budget: calls, tokens, cost: cost === undefined ? undefined : Math.round(cost * MILLIONTHS) };
}

/**
 * The tokens and the money that are left of a budget, for all that draw on it in this process; `Infinity` where it says nothing
 * of them. Drawn on are those around it too.
 */
export interface Funds {
  tokens: number;
  /** In millionths. A call may cost less than one. */
  cost: number;
  readonly around: Funds | undefined;
}

/** Returns the funds that a budget gives, within those around it. */
export function fundsOf(
  { tokens, cost }: Pick<BudgetFields, 'tokens' | 'cost'>,
  around: Funds | undefined,
): Funds | undefined {
  if (tokens === undefined && cost === undefined) return around;
  return { tokens: tokens ?? Infinity, cost: cost ?? Infinity, around };
}

/** Returns the tokens that are left, as a whole number, or `undefined` where nobody limits them. */
export function tokensLeft(funds: Funds | undefined): number | undefined {
  let least = Infinity;
  for (let at = funds; at !== undefined; at = at.around) least = Math.min(least, at.tokens);
  return least === Infinity ? undefined : Math.floor(least);
}

/** Returns the whole millionths of money that are left, or `undefined` where nobody limits them. */
export function costLeft(funds: Funds | undefined): number | undefined {
  let least = Infinity;
  for (let at = funds; at !== undefined; at = at.around) least = Math.min(least, at.cost);
  return least === Infinity ? undefined : Math.floor(least);
}

/** Returns millionths as an amount of the user's currency. */
export function amountOf(millionths: number | undefined): number | undefined {
  return millionths === undefined ? undefined : millionths / MILLIONTHS;
}

/** Returns which of the funds nothing is left of, if any. */
export function spentOf(funds: Funds | undefined): FundsReason | undefined {
  if (funds === undefined) return undefined;
  if (tokensLeft(funds) === 0) return 'tokens';
  return costLeft(funds) === 0 ? 'cost' : undefined;
}

/** Takes from the funds and from all around them, and returns which of them it asked more of than was left, if any. */
export function draw(funds: Funds, spent: Spent): FundsReason | undefined {
  const tokens = isAmount(spent.tokens) ? spent.tokens : 0;
  const cost = isAmount(spent.cost) ? spent.cost * MILLIONTHS : 0;
  let past: FundsReason | undefined;
  for (let at: Funds | undefined = funds; at !== undefined; at = at.around) {
    const tokensHere = at.tokens - tokens;
    const costHere = rounded(at.cost - cost);
    if (tokensHere < 0) past = 'tokens';
    else if (costHere < 0) past ??= 'cost';
    at.tokens = Math.max(0, tokensHere);
    at.cost = Math.max(0, costHere);
  }
  return past;
}

// Sums of tenths are no tenths: 0.3 - 0.1 - 0.1 - 0.1 is to be nothing.
function rounded(millionths: number): number {
  return Math.round(millionths * 1000) / 1000;
}

function isAmount(given: unknown): given is number {
  return typeof given === 'number' && given >= 0 && given < Infinity;
}

function isWhole(given: unknown): given is number {
  return Number.isInteger(given) && (given as number) >= 0 && (given as number) <= MAX_COUNT;
}
