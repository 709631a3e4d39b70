import { boundaryOf } from '../boundary.ts';
import { grouped } from '../grouped.ts';
import { crossing, shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** An arrival below a span that was over, while somebody else was waiting for it, or work of a request below that of an earlier one. */
export const wrongParent: ChainRule = ({ graph, arrivals, strays }) => [
  ...grouped(
    'wrong-parent',
    'error',
    graph,
    arrivals
      .filter(({ receiver, joined }) => joined === 'wrong' && graph.meetingPoint(receiver)?.waits === true)
      .map((arrival) => ({ at: arrival.receiver, boundary: boundaryOf(graph, arrival, 'context') })),
    ({ boundary }, count) =>
      `${crossing(boundary)}: ${shown(boundary.to)} hangs from a span that was over, ${times(count)}, while a later call of ${shown(boundary.from)} was waiting for it; ${shown(boundary.from)} sent the context of an earlier call, or ${shown(boundary.to)} kept it`,
  ),
  ...grouped(
    'wrong-parent',
    'error',
    graph,
    arrivals
      .filter(({ receiver, joined }) => joined === 'wrong' && graph.meetingPoint(receiver)?.waits !== true)
      .map((arrival) => ({ at: arrival.receiver, boundary: boundaryOf(graph, arrival, 'context') })),
    ({ boundary }, count) =>
      `${crossing(boundary)}: ${shown(boundary.to)} got several messages with the context of one, ${times(count)}, and nobody got that of those sent beside it: they share one headers object`,
  ),
  ...grouped(
    'wrong-parent',
    'error',
    graph,
    strays.leaked.map(({ inner }) => {
      const service = graph.serviceOf(inner);
      return { at: inner, boundary: { from: service, to: service, missing: 'context' }, cause: graph.nameOf(inner) };
    }),
    ({ boundary, cause }, count) =>
      `${shown(boundary.to)} started ${shown(cause)} inside of a request of its own and below a span that was over, ${times(count)}: the thread or queue that did it kept the context of an earlier request`,
  ),
];
