import { isReceiver } from '../ends.ts';
import { NONE } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { isNoise, knobFor } from '../noise.ts';
import { shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** A span whose parent its own service dropped. */
export const orphan: ChainRule = ({ graph, arrivals, isSettled }) => {
  const spots: Spot[] = [];
  const spot = (at: number): void => {
    const service = graph.serviceOf(at);
    spots.push({ at, boundary: { from: service, to: service, missing: 'parent' } });
  };
  for (let at = 0; at < graph.size; at++) {
    if (graph.hasParent(at) && graph.parentOf(at) === NONE && !isReceiver(graph, at) && isSettled(at)) spot(at);
  }
  for (const { receiver, joined } of arrivals) if (joined === 'orphan') spot(receiver);
  // What one looks for goes first, and says it; what hangs beside it is counted.
  const inOrder = [...spots].sort((a, b) => Number(isNoise(graph, a.at)) - Number(isNoise(graph, b.at)));
  return grouped('orphan', 'error', graph, inOrder, ({ at, boundary }, count) => {
    const name = shown(graph.nameOf(at));
    const knob = isNoise(graph, at) ? knobFor(graph, inOrder) : undefined;
    return `${shown(boundary.to)} exported ${name} and not its parent, which is a span of its own, ${times(count)}: it was filtered, never ended, or lost with the process${knob === undefined ? '' : `. ${knob}`}`;
  });
};
