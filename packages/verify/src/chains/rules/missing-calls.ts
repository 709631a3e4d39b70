import { THROUGHLINE_CALLS } from '../../conventions.ts';
import { isInboundHop, isOutboundHop } from '../../hop-span.ts';
import type { Index, SpanGraph } from '../graph.ts';
import { number } from '../meeting-point.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { shown } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Receipts that are not met: 47 calls made, 8 exported. Spans of Throughline say how many calls they made. */
export const missingCalls: ChainRule = ({ graph }) => {
  const spots: (Spot & { readonly made: number; readonly exported: number })[] = [];
  for (let at = 0; at < graph.size; at++) {
    const { attributes, service, name } = graph.span(at);
    const made = number(attributes, THROUGHLINE_CALLS);
    if (made === undefined) continue;
    const exported = callsBelow(graph, at);
    if (exported >= made) continue;
    spots.push({ at, made, exported, boundary: { from: service, missing: 'span' }, cause: name });
  }
  return grouped('missing-calls', 'error', graph, spots, (first) => {
    const { at, made, exported } = first as (typeof spots)[number];
    const { service, name } = graph.span(at);
    return `${shown(service)}: ${made} ${made === 1 ? 'call' : 'calls'} made, ${exported} exported under ${shown(name)}`;
  });
};

/** The outbound hops under an inbound one, down to the next boundary: what lies past that is another hop's to count. */
function callsBelow(graph: SpanGraph, inbound: Index): number {
  const { service } = graph.span(inbound);
  const open = [...graph.childrenOf(inbound)];
  let calls = 0;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const span = graph.span(at);
    if (span.service !== service || span.parentIsRemote === true || isInboundHop(span)) continue;
    if (isOutboundHop(span)) calls++;
    open.push(...graph.childrenOf(at));
  }
  return calls;
}
