import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Different spans of one id. An export that came twice is none, and neither are the two ends of a hop in Zipkin. */
export const duplicateSpan: ChainRule = ({ graph }) => {
  const spots = graph.collisions.map(([, at = 0]): Spot => ({
    at,
    boundary: { to: graph.serviceOf(at), missing: 'span' },
  }));
  return grouped(
    'duplicate-span',
    'error',
    graph,
    spots,
    ({ boundary }, count) =>
      `${shown(boundary.to)} made different spans of one id, ${times(count)}: ids are drawn from a source that repeats, such as a random number generator with a fixed seed`,
  );
};
