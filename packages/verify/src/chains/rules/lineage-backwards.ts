import { boundaryBetween } from '../boundary.ts';
import { NONE } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { crossing, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** A chain of agents whose count of hops is less than it was further up: what carries it was lost, and its limits with it. */
export const lineageBackwards: ChainRule = ({ graph }) => {
  const counts = new Map(graph.hopCounts());
  if (counts.size === 0) return [];
  const spots: (Spot & { readonly before: number; readonly after: number })[] = [];
  // The count of the nearest hop from each span on upwards.
  const reached = new Int32Array(graph.size);
  for (const at of graph.forest.topDown) {
    const parent = graph.parentOf(at);
    const before = parent === NONE ? 0 : (reached[parent] as number);
    const after = counts.get(at);
    reached[at] = after ?? before;
    if (after === undefined) continue;
    // A reply takes the step back that the question took.
    const least = graph.meetingPoint(at)?.waits === true ? before : before - 1;
    if (after < least) {
      spots.push({ at, before, after, boundary: boundaryBetween(graph, parent, at, 'lineage') });
    }
  }
  return grouped('lineage-backwards', 'warning', graph, spots, (spot, count) => {
    const { before, after, boundary } = spot as (typeof spots)[number];
    return `${crossing(boundary)}: the chain was ${before} hops long, and here it counts ${after}, ${times(count)}: its baggage was lost in between, and its limits start over`;
  });
};
