/** A cache of prompts, as providers have it: what a prompt begins with and was seen before costs less. */
import type { Usage } from './behaviour.ts';
import { tokensIn } from './prompt.ts';
import type { Prompt } from './prompt.ts';

export interface PromptCacheOptions {
  /** A prompt with fewer tokens is not cached. 1024 by default. */
  readonly minimumTokens?: number;
  /** What the provider caches by itself it counts in steps of so many tokens. 128 by default. */
  readonly stepTokens?: number;
}

export type CachedTokens = Pick<Usage, 'cached' | 'cacheWrite'>;

export interface PromptCache {
  /** Returns what a prompt finds in the cache, and what it leaves there. */
  look(model: string, prompt: Prompt): CachedTokens;
}

const MOST_PROMPTS = 200;

/** Returns a cache that is empty. It forgets the oldest prompts of a model. */
export function promptCache({ minimumTokens = 1024, stepTokens = 128 }: PromptCacheOptions = {}): PromptCache {
  if (!(minimumTokens >= 1 && stepTokens >= 1)) throw new Error('`minimumTokens` and `stepTokens` are 1 at least');
  const models = new Map<string, string[]>();
  return {
    look(model, { text, markedUntil }) {
      const seen = models.get(model) ?? [];
      models.set(model, seen);
      const prefix = text.slice(0, markedUntil);
      if (tokensIn(prefix) < minimumTokens) return { cached: 0, cacheWrite: 0 };
      const found = markedUntil === undefined ? longestCommon(seen, prefix) : longestWhole(seen, prefix);
      if (!seen.includes(prefix)) seen.push(prefix);
      if (seen.length > MOST_PROMPTS) seen.shift();
      if (markedUntil !== undefined) {
        return {
          cached: tokensIn(prefix.slice(0, found)),
          cacheWrite: tokensIn(prefix) - tokensIn(prefix.slice(0, found)),
        };
      }
      const tokens = Math.floor(tokensIn(prefix.slice(0, found)) / stepTokens) * stepTokens;
      return { cached: tokens < minimumTokens ? 0 : tokens, cacheWrite: 0 };
    },
  };
}

// OpenAI finds any beginning that two prompts share.
function longestCommon(seen: readonly string[], prompt: string): number {
  return Math.max(0, ...seen.map((other) => commonLength(other, prompt)));
}

// Anthropic finds what was marked before.
function longestWhole(seen: readonly string[], prompt: string): number {
  return Math.max(0, ...seen.filter((other) => prompt.startsWith(other)).map(({ length }) => length));
}

function commonLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  return length;
}
