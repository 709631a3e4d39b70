import type { ChainReport } from './chains/check-chains.ts';
import type { AgentTokens } from './chains/usage.ts';
import { printable } from './printable.ts';

/** So many agents are told: those that took most, with all that is below them. */
const MAX_AGENTS = 20;

/**
 * Returns what models took, as lines of text: one for each agent, with what its own calls took, and all that is below it where that is more.
 *
 * ```
 * tokens: desk planner 30 in, 9 out, 1 call, 0.02 USD; with all below 130 in, 49 out, 3 calls, 0.11 USD
 * ```
 */
export function renderUsage({ agents }: Pick<ChainReport, 'agents'>): string[] {
  const counting = agents.filter(({ total }) => total !== undefined);
  const lines = counting
    .toSorted((a, b) => sizeOf(b.total) - sizeOf(a.total))
    .slice(0, MAX_AGENTS)
    .map(({ service, agent, tokens, total }) => {
      const name = agent === undefined || agent === service ? service : `${service} ${agent}`;
      const own = tokens === undefined ? 'none of its own' : taken(tokens);
      const hasMore = total !== undefined && total.calls > (tokens?.calls ?? 0);
      return `tokens: ${printable(name)} ${own}${hasMore ? `; with all below ${taken(total)}` : ''}`;
    });
  const left = counting.length - lines.length;
  return left === 0 ? lines : [...lines, `tokens: … and ${left} more`];
}

function sizeOf(total: AgentTokens | undefined): number {
  return total === undefined ? 0 : total.input + total.output;
}

function taken({ input, output, calls, cost = [] }: AgentTokens): string {
  const money = cost.map(
    ({ amount, currency }) => `, ${amount}${currency === undefined ? '' : ` ${printable(currency)}`}`,
  );
  return `${input} in, ${output} out, ${calls} call${calls === 1 ? '' : 's'}${money.join('')}`;
}
