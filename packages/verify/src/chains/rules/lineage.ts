import { Fact } from '../columns/facts.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Agents that delegate to each other in a circle, as the lineage of Throughline says. */
export const cycle: ChainRule = ({ graph }) => {
  const spots: Spot[] = [];
  for (let at = 0; at < graph.size; at++) {
    if (graph.is(at, Fact.cycle)) spots.push({ at, boundary: { to: graph.serviceOf(at) } });
  }
  return grouped(
    'cycle',
    'warning',
    graph,
    spots,
    ({ boundary }, count) =>
      `${shown(boundary.to)} was asked by somebody whom it had asked itself, ${times(count)}. To ask back is normal, and a loop without an end begins so`,
  );
};

/** A chain of agents that went past one of its limits, refused or not. */
export const tooDeep: ChainRule = ({ graph }) => {
  const spots = Array.from(graph.exceeded(), ([at, cause]): Spot => ({
    at,
    boundary: { to: graph.serviceOf(at) },
    cause,
  }));
  return grouped(
    'too-deep',
    'warning',
    graph,
    spots,
    ({ boundary, cause }, count) =>
      `a chain of agents went past its limit on ${shown(cause)} at ${shown(boundary.to)}, ${times(count)}`,
  );
};
