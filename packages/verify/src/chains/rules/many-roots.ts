import { NONE } from '../graph.ts';
import type { Index } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** A trace with several roots. Trace ids are drawn at random: two roots have one where somebody made it of something else. */
export const manyRoots: ChainRule = ({ graph }) => {
  const first = new Map<string, Index>();
  const spots: Spot[] = [];
  const torn = new Set(graph.collisions.flatMap(([at]) => (at === undefined ? [] : [graph.idOf(at).traceId])));
  for (let at = 0; at < graph.size; at++) {
    if (graph.hasParent(at) || graph.parentOf(at) !== NONE) continue;
    const { traceId } = graph.idOf(at);
    // Where ids collide, roots do too.
    if (torn.has(traceId)) continue;
    if (first.has(traceId)) spots.push({ at, boundary: { to: graph.serviceOf(at) } });
    else first.set(traceId, at);
  }
  return grouped('many-roots', 'error', graph, spots, ({ boundary }, count) => {
    return `${shown(boundary.to)} started a root in a trace that has one, ${times(count)}: its trace ids are made of something that repeats, such as a session`;
  });
};
