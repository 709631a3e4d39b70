/** Four calls that are slow for four reasons, and look the same as one bar. */
import type { Behaviour } from './behaviour.ts';
import { partsOf } from './parts.ts';

export const SLOW_KINDS = ['long-prompt', 'cold-cache', 'busy-provider', 'another-region'] as const;

/** Why a call is slow. */
export type SlowKind = (typeof SLOW_KINDS)[number];

export interface SlowOptions {
  /** Milliseconds that the whole takes. 2000 by default. */
  readonly ms?: number;
  /** What it says. */
  readonly answer?: Behaviour;
}

const HOME = { region: 'East US 2', edge: 'IAD' } as const;
const AWAY = { region: 'Sweden Central', edge: 'ARN' } as const;

/** Returns the call that the slow ones are compared with: quick, from a warm cache, at home. */
export function usual(answer: Behaviour = {}): Behaviour {
  return { systemFingerprint: 'fp_home', report: HOME, ...answer, usage: { input: 6_100, cached: 6_016, output: 80 } };
}

/**
 * Returns the behaviours of one slow call, which are two where the first one is a refusal. All kinds take about as long.
 *
 * | kind | what can be seen |
 * |---|---|
 * | `long-prompt` | eight times the tokens of input; late first token |
 * | `cold-cache` | as many tokens as usual, none of them cached; late first token |
 * | `busy-provider` | 429 with `retry-after-ms`, then headers that come late and tell of a queue |
 * | `another-region` | another region, edge and fingerprint; everything takes longer |
 */
export function slow(kind: SlowKind, { ms = 2000, answer = {} }: SlowOptions = {}): Behaviour[] {
  const home = usual(answer);
  switch (kind) {
    case 'long-prompt':
      return [{ ...home, usage: { input: 48_200, cached: 6_016, output: 80 }, wait: { 'chunk:1': ms } }];
    case 'cold-cache':
      return [{ ...home, usage: { input: 6_100, cached: 0, output: 80 }, wait: { 'chunk:1': ms } }];
    case 'busy-provider':
      return [
        { fail: { by: 'status', status: 429, retryAfterMs: ms / 2 }, report: { ...HOME, remaining: { requests: 0 } } },
        { ...home, report: { ...home.report, queueMs: ms / 2, remaining: { requests: 3 } }, wait: { headers: ms / 2 } },
      ];
    case 'another-region': {
      const chunks = partsOf(answer).flatMap((part) => part.chunks).length;
      const wait = { headers: ms / 2, 'chunk:1': ms / 4, chunk: ms / 4 / Math.max(1, chunks - 1) };
      return [{ ...home, systemFingerprint: 'fp_away', report: { ...home.report, ...AWAY }, wait }];
    }
  }
}
