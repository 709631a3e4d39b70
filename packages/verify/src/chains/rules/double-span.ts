import { boundaryBetween } from '../boundary.ts';
import type { Index, SpanGraph } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { crossing, shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** So many children of one call are looked at: one that has more is no call. */
const LOOKED_AT = 100;

/** Milliseconds in which two spans of one request begin. */
const AT_ONCE = 5;

/** One call that one service received under two SERVER spans, side by side; or one message, under two CONSUMER spans at once. */
export const doubleSpan: ChainRule = ({ graph, ends }) => {
  const spots: (Spot & { readonly scopes: readonly string[] })[] = [];
  const overlap = (a: Index, b: Index): boolean =>
    graph.startOf(a) <= graph.endOf(b) && graph.startOf(b) <= graph.endOf(a);
  for (const sender of ends.senders) {
    if (graph.childrenOf(sender).length < 2) continue;
    const served = [...graph.childrenOf(sender)].filter((child) => isServing(graph, child)).slice(0, LOOKED_AT);
    const pair = served.flatMap((at, nth) => {
      const isBeside = (other: Index): boolean =>
        isOfOneService(graph, other, at) &&
        isOfOneMessage(graph, other, at) &&
        isOfTwo(graph, other, at) &&
        overlap(other, at);
      const other = served.slice(0, nth).find(isBeside);
      return other === undefined ? [] : [[other, at] as const];
    })[0];
    if (pair === undefined) continue;
    const [first, second] = pair;
    const scopes = [graph.scopeOf(first), graph.scopeOf(second)];
    spots.push({ at: second, scopes, boundary: boundaryBetween(graph, sender, second, undefined) });
  }
  return grouped('double-span', 'error', graph, spots, (spot, count) => {
    const { at, boundary, scopes } = spot as (typeof spots)[number];
    const [one, other] = scopes.map(shown);
    const who = one === '' || other === '' ? 'two instrumentations open one each' : `${one} and ${other} open one each`;
    const kind = graph.kindOf(at);
    return `${crossing(boundary)}: ${shown(boundary.to)} has two ${kind} spans for one ${kind === 'SERVER' ? 'call' : 'message'}, ${times(count)}: ${who}`;
  });
};

function isServing(graph: SpanGraph, at: Index): boolean {
  const kind = graph.kindOf(at);
  return kind === 'SERVER' || kind === 'CONSUMER';
}

function isOfOneService(graph: SpanGraph, a: Index, b: Index): boolean {
  return graph.kindOf(a) === graph.kindOf(b) && graph.serviceNumber(a) === graph.serviceNumber(b);
}

/** A call is answered once. A span may have sent many messages, and each says which it is. */
function isOfOneMessage(graph: SpanGraph, a: Index, b: Index): boolean {
  if (graph.kindOf(a) === 'SERVER') return true;
  return graph.callOf(a) !== undefined && graph.callOf(a) === graph.callOf(b);
}

/**
 * Whether two instrumentations made the spans. What one made of two tries below one call is two requests. Where nobody says who made them,
 * those begin after each other.
 */
function isOfTwo(graph: SpanGraph, a: Index, b: Index): boolean {
  const isNamed = graph.scopeOf(a) !== '' || graph.scopeOf(b) !== '';
  return isNamed ? graph.scopeOf(a) !== graph.scopeOf(b) : graph.startOf(b) - graph.startOf(a) < AT_ONCE;
}
