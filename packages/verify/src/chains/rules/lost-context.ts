import { boundaryOf } from '../boundary.ts';
import { grouped } from '../grouped.ts';
import { crossing, lasting, shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Sent here, received there as a root with neither parent nor link. */
export const lostContext: ChainRule = ({ graph, arrivals }) => {
  const lost = arrivals.filter(({ joined }) => joined === 'lost');
  const after = new Map(
    lost.map(({ receiver, sender }) => [receiver, graph.startOf(receiver) - graph.startOf(sender ?? receiver)]),
  );
  return grouped(
    'lost-context',
    'error',
    graph,
    lost.map((arrival) => ({ at: arrival.receiver, boundary: boundaryOf(graph, arrival, 'context') })),
    ({ at, boundary }, count) =>
      `${crossing(boundary)}: ${shown(boundary.to)} started a root ${lasting(after.get(at) ?? 0)} after ${shown(boundary.from)} sent to it, ${times(count)}; the ${graph.meetingPoint(at)?.waits === true ? 'request' : 'message'} carried no traceparent that ${shown(boundary.to)} used`,
  );
};
