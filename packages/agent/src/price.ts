import { optionError } from '@throughline/core/adapter';

/** What a million tokens cost. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Input that came out of the provider's cache. Default: as `input`. */
  readonly cacheRead?: number | undefined;
  /** Input that was written to it. Default: as `input`. */
  readonly cacheWrite?: number | undefined;
}

/** Prices by the name of the model, that served or was asked for; or a function that knows them. */
export type Prices = Readonly<Record<string, Price>> | ((model: string) => Price | undefined);

/** The tokens of one call. Those of the cache are among `input`. */
export interface TokenCount {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

const MILLION = 1_000_000;

/** Throws unless these are prices. */
export function checkPrices(prices: Prices | undefined): void {
  if (prices === undefined || typeof prices === 'function') return;
  const example = "prices of a million tokens, such as { 'gpt-9': { input: 1.25, output: 10 } }";
  if (typeof prices !== 'object' || prices === null) throw optionError('prices', example, prices);
  for (const [model, price] of Object.entries(prices)) {
    const amounts: unknown[] = [price?.input, price?.output, price?.cacheRead ?? 0, price?.cacheWrite ?? 0];
    if (!amounts.every((amount) => typeof amount === 'number' && amount >= 0)) {
      throw optionError(`prices['${model}']`, 'what a million tokens cost, such as { input: 1.25, output: 10 }', price);
    }
  }
}

/** Returns what a call cost, or `undefined` where no price is known for the model. Throws what a price function throws. */
export function costOf(
  prices: Prices | undefined,
  served: string | undefined,
  asked: string | undefined,
  tokens: TokenCount,
): number | undefined {
  const price = priceOf(prices, served) ?? priceOf(prices, asked);
  if (price === undefined) return undefined;
  const { input, output, cacheRead, cacheWrite } = tokens;
  const fresh = Math.max(0, input - cacheRead - cacheWrite);
  const amount =
    fresh * price.input +
    cacheRead * (price.cacheRead ?? price.input) +
    cacheWrite * (price.cacheWrite ?? price.input) +
    output * price.output;
  return Number.isFinite(amount) ? amount / MILLION : undefined;
}

function priceOf(prices: Prices | undefined, model: string | undefined): Price | undefined {
  if (prices === undefined || model === undefined) return undefined;
  if (typeof prices === 'function') return prices(model);
  return Object.hasOwn(prices, model) ? prices[model] : undefined;
}
