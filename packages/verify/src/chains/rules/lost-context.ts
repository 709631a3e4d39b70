import { boundaryBetween, boundaryOf } from '../boundary.ts';
import { grouped } from '../grouped.ts';
import { crossing, lasting, shown, times } from '../words.ts';
import type { ChainRule, Judged } from './context.ts';

/** Sent here, received there as a root with neither parent nor link. */
export const lostContext: ChainRule = (judged) => {
  const { graph, arrivals } = judged;
  const lost = arrivals.filter(({ joined }) => joined === 'lost');
  const after = new Map(
    lost.map(({ receiver, sender }) => [receiver, graph.startOf(receiver) - graph.startOf(sender ?? receiver)]),
  );
  return [
    ...grouped(
      'lost-context',
      'error',
      graph,
      lost.map((arrival) => ({ at: arrival.receiver, boundary: boundaryOf(graph, arrival, 'context') })),
      ({ at, boundary }, count) =>
        `${crossing(boundary)}: ${shown(boundary.to)} started a root ${lasting(Math.max(0, after.get(at) ?? 0))} after ${shown(boundary.from)} sent to it, ${times(count)}; the ${graph.meetingPoint(at)?.waits === true ? 'request' : 'message'} carried no traceparent that ${shown(boundary.to)} used`,
    ),
    ...lostOnTheWay(judged),
    ...lostInside(judged),
  ];
};

/** Something between took the headers away, and sent the request on to another place. */
const lostOnTheWay: ChainRule = ({ graph, strays }) =>
  grouped(
    'lost-context',
    'error',
    graph,
    strays.relayed.map(({ inner, outer }) => ({
      at: inner,
      boundary: boundaryBetween(graph, outer, inner, 'context'),
    })),
    ({ boundary }, count) =>
      `${crossing(boundary)}: ${shown(boundary.to)} started a root inside of a call of ${shown(boundary.from)} to another address, ${times(count)}, each time that one was made: something between passes requests on without their traceparent`,
  );

/** A thread or a queue of the process did not carry the context. */
function lostInside({ graph, strays }: Judged): ReturnType<ChainRule> {
  return grouped(
    'lost-context',
    'error',
    graph,
    strays.lost.map(({ inner }) => {
      const service = graph.serviceOf(inner);
      return { at: inner, boundary: { from: service, to: service, missing: 'context' }, cause: graph.nameOf(inner) };
    }),
    ({ boundary, cause }, count) =>
      `${shown(boundary.to)} started ${shown(cause)} as a root inside of a request of its own, ${times(count)}, each time that there was one: the thread or queue that did it did not carry the context`,
  );
}
