import { checkChains } from './chains/check-chains.ts';
import type { ChainReport } from './chains/check-chains.ts';
import type { ChainFinding } from './chains/finding.ts';
import { readContract } from './chains/contract.ts';
import type { ChainContract } from './chains/contract.ts';
import type { CaptureSource } from './chains/capture-source.ts';
import { crossing } from './chains/words.ts';
import type { CollectedSpan } from './span.ts';

/** What the matchers take: a collector, or spans. */
export type Collected = CaptureSource | Iterable<CollectedSpan>;

/** What a hop is asked to be. */
export interface HopDetail {
  /** The path, topic, queue or tool. */
  readonly over?: string;
  readonly transport?: string;
}

/** What a matcher returns, to vitest and to Jest alike. */
export interface MatchResult {
  readonly pass: boolean;
  message(): string;
}

/** The matchers, as `expect` has them: extend the interface of your test runner by this one. */
export interface ChainMatchers<R = void> {
  /** Every chain of causes is whole. `services`: those that the capture should hold. */
  toBeSound(services?: readonly string[]): R;
  /** The same, and all of it is one trace. */
  toFormOneTrace(services?: readonly string[]): R;
  /** One service called another, and the hop between them is whole. */
  toHaveHop(from: string, to: string, detail?: HopDetail): R;
  /** Sound, and as a contract says. */
  toMatchContract(contract: ChainContract): R;
}

/**
 * Matchers for vitest and Jest.
 *
 * @example
 * ```ts
 * expect.extend(matchers);
 * expect(collector).toBeSound(['planner', 'analyst']);
 * expect(collector).toHaveHop('planner', 'analyst', { over: 'desk.tasks' });
 * ```
 */
export const matchers = {
  toBeSound: (received: Collected, services?: readonly string[]): MatchResult =>
    judged(checkChains(received, { services })),
  toFormOneTrace: (received: Collected, services?: readonly string[]): MatchResult =>
    judged(checkChains(received, { services, expect: 'one-trace' })),
  toMatchContract: (received: Collected, contract: ChainContract): MatchResult =>
    judged(checkChains(received, { contract: readContract(contract) })),
  toHaveHop(received: Collected, from: string, to: string, detail: HopDetail = {}): MatchResult {
    const { hops, findings } = checkChains(received);
    const { over, transport } = detail;
    const pass = hops.some(
      (hop) =>
        hop.from === from &&
        hop.to === to &&
        (over === undefined || hop.over === over) &&
        (transport === undefined || hop.transport === transport),
    );
    const wanted = crossing({ from, to, ...detail });
    return {
      pass,
      message: () =>
        pass
          ? `there is a hop ${wanted}`
          : `there is no whole hop ${wanted}. There are: ${hops.map(crossing).join(', ') || 'none'}${told(findings)}`,
    };
  },
} as const;

function judged({ verdict, findings }: ChainReport): MatchResult {
  const pass = verdict === 'sound';
  return {
    pass,
    message: () => (pass ? 'the chains are sound' : `the chains are ${verdict}${told(findings)}`),
  };
}

function told(findings: readonly ChainFinding[]): string {
  return findings.map(({ code, message }) => `\n  ${code}: ${message}`).join('');
}
