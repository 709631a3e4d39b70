import { boundaryBetween } from '../boundary.ts';
import { SLACK } from '../clocks.ts';
import { NONE } from '../graph.ts';
import { grouped } from '../grouped.ts';
import { crossing, shown, lasting, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** An arrival before it was sent: clocks differ. */
export const clockSkew: ChainRule = ({ graph, arrivals }) => {
  const early = arrivals.filter(({ receiver, joined }) => {
    const above = graph.parentOf(receiver);
    if (joined !== 'joined' || above === NONE || graph.serviceNumber(above) === graph.serviceNumber(receiver))
      return false;
    return graph.startOf(receiver) + SLACK < graph.startOf(above);
  });
  return grouped(
    'clock-skew',
    'warning',
    graph,
    early.map(({ receiver }) => ({
      at: receiver,
      boundary: boundaryBetween(graph, graph.parentOf(receiver), receiver, undefined),
    })),
    ({ at, boundary }, count) =>
      `${crossing(boundary)}: ${shown(boundary.to)} received ${lasting(graph.startOf(graph.parentOf(at)) - graph.startOf(at))} before ${shown(boundary.from)} sent, ${times(count)}: the clock of one of them is wrong`,
  );
};
