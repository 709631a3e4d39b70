import { boundaryBetween } from '../boundary.ts';
import type { Index } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { crossing, shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** So many children of one call are looked at: one that has more is no call. */
const LOOKED_AT = 100;

/** One call that one service received under two SERVER spans, side by side. */
export const doubleSpan: ChainRule = ({ graph, ends }) => {
  const spots: (Spot & { readonly scopes: readonly string[] })[] = [];
  const overlap = (a: Index, b: Index): boolean =>
    graph.startOf(a) <= graph.endOf(b) && graph.startOf(b) <= graph.endOf(a);
  for (const sender of ends.senders) {
    if (graph.childrenOf(sender).length < 2) continue;
    const served = [...graph.childrenOf(sender)]
      .filter((child) => graph.kindOf(child) === 'SERVER')
      .slice(0, LOOKED_AT);
    const pair = served.flatMap((at, nth) => {
      const isBeside = (other: Index): boolean =>
        graph.serviceNumber(other) === graph.serviceNumber(at) && overlap(other, at);
      const other = served.slice(0, nth).find(isBeside);
      return other === undefined ? [] : [[other, at] as const];
    })[0];
    if (pair === undefined) continue;
    const [first, second] = pair;
    const scopes = [graph.scopeOf(first), graph.scopeOf(second)];
    spots.push({ at: second, scopes, boundary: boundaryBetween(graph, sender, second, undefined) });
  }
  return grouped('double-span', 'error', graph, spots, (spot, count) => {
    const { boundary, scopes } = spot as (typeof spots)[number];
    const [one, other] = scopes.map(shown);
    const who = one === other ? `${one} opens both` : `${one} and ${other} open one each`;
    return `${crossing(boundary)}: ${shown(boundary.to)} has two SERVER spans for one call, ${times(count)}: ${who}`;
  });
};
