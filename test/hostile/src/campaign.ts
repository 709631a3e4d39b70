import { hostileCarrier } from './carriers.ts';
import { extractors } from './extractors.ts';
import { malformed } from './judge.ts';

/** What a campaign found: the first few, each with what makes it again. */
export interface Find {
  readonly seed: number;
  readonly index: number;
  readonly extractor: string;
  readonly problem: string;
}

/** Runs carriers `from` to below `to` of a seed, each through one extractor in turn, and returns what went wrong. */
export function campaign(seed: number, from: number, to: number): Find[] {
  const ways = Object.entries(extractors);
  const finds: Find[] = [];
  for (let index = from; index < to && finds.length < 10; index++) {
    const [extractor, extract] = ways[index % ways.length] as (typeof ways)[number];
    try {
      const problem = malformed(extract(hostileCarrier(seed, index)));
      if (problem !== undefined) finds.push({ seed, index, extractor, problem });
    } catch (error) {
      finds.push({
        seed,
        index,
        extractor,
        problem: error instanceof Error ? (error.stack ?? String(error)) : String(error),
      });
    }
  }
  return finds;
}
