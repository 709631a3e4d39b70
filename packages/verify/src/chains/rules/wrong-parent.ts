import { boundaryOf } from '../boundary.ts';
import { grouped } from '../grouped.ts';
import { crossing, shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** An arrival below a span that was over, while somebody else was waiting for it. */
export const wrongParent: ChainRule = ({ graph, arrivals }) =>
  grouped(
    'wrong-parent',
    'error',
    graph,
    arrivals
      .filter(({ joined }) => joined === 'wrong')
      .map((arrival) => ({ at: arrival.receiver, boundary: boundaryOf(graph, arrival, 'context') })),
    ({ boundary }, count) =>
      `${crossing(boundary)}: ${shown(boundary.to)} hangs from a span that was over, ${times(count)}, while a later call of ${shown(boundary.from)} was waiting for it; ${shown(boundary.from)} sent the context of an earlier call`,
  );
