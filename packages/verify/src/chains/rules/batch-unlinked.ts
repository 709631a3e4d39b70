import { boundaryOf } from '../boundary.ts';
import { grouped } from '../grouped.ts';
import { crossing, shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** A batch of messages without links to who sent them. */
export const batchUnlinked: ChainRule = ({ graph, arrivals }) =>
  grouped(
    'batch-unlinked',
    'error',
    graph,
    arrivals
      .filter(({ joined }) => joined === 'unlinked')
      .map((arrival) => ({ at: arrival.receiver, boundary: boundaryOf(graph, arrival, 'link') })),
    ({ boundary }, count) =>
      `${crossing(boundary)}: ${shown(boundary.to)} took a batch in under one span without a link to any of its messages, ${times(count)}`,
  );
