import type { Arrival } from './arrivals.ts';
import type { ChainBoundary } from './finding.ts';
import type { Index, SpanGraph } from './graph.ts';

/** Returns the boundary between a sender, where it is known, and who received. What the receiver says of it goes first. */
export function boundaryBetween(
  graph: SpanGraph,
  sender: Index | undefined,
  receiver: Index,
  missing: ChainBoundary['missing'],
): ChainBoundary {
  const point = graph.meetingPoint(receiver) ?? (sender === undefined ? undefined : graph.meetingPoint(sender));
  return {
    ...(sender === undefined ? undefined : { from: graph.span(sender).service }),
    to: graph.span(receiver).service,
    ...(point === undefined ? undefined : { transport: point.transport, over: point.over }),
    ...(missing === undefined ? undefined : { missing }),
  };
}

/** The same for an arrival. */
export function boundaryOf(
  graph: SpanGraph,
  { sender, receiver }: Arrival,
  missing: ChainBoundary['missing'],
): ChainBoundary {
  return boundaryBetween(graph, sender, receiver, missing);
}
