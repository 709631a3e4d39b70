import { Fact } from '../columns/facts.ts';
import { isReceiver } from '../ends.ts';
import { NONE } from '../graph.ts';
import type { Index, SpanGraph } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { listed } from '../listed.ts';
import { shown } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Receipts that are not met: 47 calls made, 8 exported. Spans of Throughline say how many calls they made. */
export const missingCalls: ChainRule = ({ graph, isSettled }) => {
  const spots: (Spot & { readonly made: number; readonly exported: number })[] = [];
  const strays = straysIn(graph);
  for (const [at, made] of graph.callsMade()) {
    const exported = callsBelow(graph, at, strays);
    if (exported >= made || !isSettled(at)) continue;
    const boundary = { from: graph.serviceOf(at), missing: 'span' } as const;
    spots.push({ at, made, exported, boundary, cause: graph.nameOf(at) });
  }
  return grouped('missing-calls', 'error', graph, spots, (first) => {
    const { at, made, exported } = first as (typeof spots)[number];
    const calls = made === 1 ? 'call' : 'calls';
    return `${shown(graph.serviceOf(at))}: ${made} ${calls} made, ${exported} exported under ${shown(graph.nameOf(at))}`;
  });
};

/** The outbound hops under an inbound one, down to the next boundary: what lies past that is another hop's to count. */
function callsBelow(graph: SpanGraph, inbound: Index, strays: ReadonlyMap<number, readonly Index[]>): number {
  const service = graph.serviceNumber(inbound);
  const isLater = (at: Index): boolean => graph.startOf(at) >= graph.startOf(inbound);
  const open = [...graph.childrenOf(inbound), ...(strays.get(graph.traceNumber(inbound)) ?? []).filter(isLater)];
  let calls = 0;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const isPastBoundary = graph.serviceNumber(at) !== service || graph.is(at, Fact.parentIsRemote | Fact.inboundHop);
    if (isPastBoundary) continue;
    if (graph.is(at, Fact.outboundHop)) calls++;
    for (const child of graph.childrenOf(at)) open.push(child);
  }
  return calls;
}

/** The spans of each trace whose parent their own process dropped: calls below them were exported, and are told as orphans. */
function straysIn(graph: SpanGraph): ReadonlyMap<number, readonly Index[]> {
  const strays = new Map<number, Index[]>();
  for (let at = 0; at < graph.size; at++) {
    if (!graph.hasParent(at) || graph.parentOf(at) !== NONE || isReceiver(graph, at)) continue;
    listed(strays, graph.traceNumber(at), () => [] as Index[]).push(at);
  }
  return strays;
}
