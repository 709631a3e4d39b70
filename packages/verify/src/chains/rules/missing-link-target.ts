import { boundaryOf } from '../boundary.ts';
import { grouped } from '../grouped.ts';
import { crossing, shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** A link into nothing, where what it names should be in the capture. */
export const missingLinkTarget: ChainRule = ({ graph, arrivals, silent }) =>
  grouped(
    'missing-link-target',
    'error',
    graph,
    arrivals
      .filter(({ joined }) => joined === 'link-lost')
      .map((arrival) => ({ at: arrival.receiver, boundary: boundaryOf(graph, arrival, 'link target') })),
    ({ boundary }, count) =>
      `${crossing(boundary)}: ${shown(boundary.to)} links to a span that nobody exported, ${times(count)}${silent.length === 0 ? '' : `; nothing came from ${silent.map(shown).join(', ')}`}`,
  );
