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
  const firsts = new Map<number, Index>();
  for (const at of inOrder(graph.size, (at) => graph.startOf(at))) {
    // What has one id by chance is a finding of its own.
    if (graph.hasParent(at) || graph.parentOf(at) !== NONE || told.has(at)) continue;
    const trace = graph.traceNumber(at);
    const first = firsts.get(trace);
    if (first === undefined) firsts.set(trace, at);
    else if (chains.of(first) !== chains.of(at)) {
      const boundary = { from: graph.serviceOf(first), to: graph.serviceOf(at), missing: 'parent' } as const;
      spots.push({ at, first, boundary });
    }
  }
  return grouped('many-roots', 'error', graph, spots, (spot, count) => {
    const { at, first } = spot as (typeof spots)[number];
    const [one, other] = [graph.nameOf(first), graph.nameOf(at)].map(shown);
    return `${shown(graph.serviceOf(at))} began ${other} without a parent in a trace that ${one} of ${shown(graph.serviceOf(first))} had begun, ${times(count)}: the trace id was set by hand, and nothing says what caused it`;
  });
};

function inOrder(size: number, startOf: (at: Index) => number): Int32Array {
  return Int32Array.from({ length: size }, (_, at) => at).sort((a, b) => startOf(a) - startOf(b));
}
