import { NONE } from '../graph.ts';
import type { Index } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** A trace that begins more than once: its spans share an id, and nothing says which caused which. */
export const manyRoots: ChainRule = ({ graph, chains }) => {
  const spots: (Spot & { readonly first: Index })[] = [];
  const told = new Set(graph.collisions.flat());
  // What has one id by chance is a finding of its own.
  const isRoot = (at: Index): boolean => !graph.hasParent(at) && graph.parentOf(at) === NONE && !told.has(at);
  const firsts = new Map<number, Index>();
  for (let at = 0; at < graph.size; at++) {
    if (!isRoot(at)) continue;
    const first = firsts.get(graph.traceNumber(at));
    if (first === undefined || graph.startOf(at) < graph.startOf(first)) firsts.set(graph.traceNumber(at), at);
  }
  for (let at = 0; at < graph.size; at++) {
    const first = isRoot(at) ? firsts.get(graph.traceNumber(at)) : undefined;
    if (first === undefined || chains.of(first) === chains.of(at)) continue;
    const boundary = { from: graph.serviceOf(first), to: graph.serviceOf(at), missing: 'parent' } as const;
    spots.push({ at, first, boundary });
  }
  spots.sort((a, b) => graph.startOf(a.at) - graph.startOf(b.at));
  return grouped('many-roots', 'error', graph, spots, (spot, count) => {
    const { at, first } = spot as (typeof spots)[number];
    const [one, other] = [graph.nameOf(first), graph.nameOf(at)].map(shown);
    return `${shown(graph.serviceOf(at))} began ${other} without a parent in a trace that ${one} of ${shown(graph.serviceOf(first))} had begun, ${times(count)}: the trace id was set by hand, and nothing says what caused it`;
  });
};
