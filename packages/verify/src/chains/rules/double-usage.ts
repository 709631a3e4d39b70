import { NONE } from '../graph.ts';
import type { Index } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { knobFor } from '../noise.ts';
import { shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Tokens that a span counts and a span below it counts again: who adds them up pays twice. */
export const doubleUsage: ChainRule = ({ graph }) => {
  const spots: Spot[] = [];
  // The nearest span from each one on upwards, in its process, that counts.
  const counting = new Int32Array(graph.size).fill(NONE);
  for (const at of graph.forest.topDown) {
    const parent = graph.parentOf(at);
    const isBelow = parent !== NONE && graph.serviceNumber(parent) === graph.serviceNumber(at);
    const above = isBelow ? (counting[parent] as Index) : NONE;
    counting[at] = above;
    if (!graph.countsTokens(at)) continue;
    counting[at] = at;
    if (above !== NONE) spots.push({ at, boundary: { to: graph.serviceOf(at) }, cause: graph.nameOf(above) });
  }
  return grouped('double-usage', 'warning', graph, spots, ({ at, boundary, cause }, count) => {
    const knob = knobFor(graph, [{ at }]);
    return `${shown(boundary.to)} counts tokens on ${shown(cause)} and on ${shown(graph.nameOf(at))} below it, ${times(count)}: a sum over spans counts them twice${knob === undefined ? '' : `. ${knob}`}`;
  });
};
