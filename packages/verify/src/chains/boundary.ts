import type { Arrival } from './arrivals.ts';
import type { ChainBoundary } from './finding.ts';
import type { Index, SpanGraph } from './graph.ts';
import type { MeetingPoint } from './meeting-point.ts';

/** Returns the boundary between who sent and who received, as far as they are known. What the receiver says of it goes first. */
export function boundaryBetween(
  graph: SpanGraph,
  sender: Index | undefined,
  receiver: Index | undefined,
  missing: ChainBoundary['missing'],
): ChainBoundary {
  const point = [receiver, sender].flatMap((end) => (end === undefined ? [] : (graph.meetingPoint(end) ?? [])))[0];
  return {
    ...(sender === undefined ? undefined : { from: graph.serviceOf(sender) }),
    ...(receiver === undefined ? undefined : { to: graph.serviceOf(receiver) }),
    ...(point === undefined ? undefined : wayOf(point)),
    ...(missing === undefined ? undefined : { missing }),
  };
}

/** Returns what a boundary is over: its transport, and the path, topic, queue or tool where it is told. */
export function wayOf({ transport, over }: MeetingPoint): Pick<ChainBoundary, 'transport' | 'over'> {
  return over === undefined ? { transport } : { transport, over };
}

/** The same for an arrival. */
export function boundaryOf(
  graph: SpanGraph,
  { sender, receiver }: Arrival,
  missing: ChainBoundary['missing'],
): ChainBoundary {
  return boundaryBetween(graph, sender, receiver, missing);
}
