import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';

/** What parents and links connect: each such group is a chain. */
export interface Chains {
  readonly count: number;
  /** A span that stands for the chain of this one: the same for all of a chain. */
  of(at: Index): Index;
}

/** Returns the chains of a graph. */
export function chainsOf(graph: SpanGraph): Chains {
  const above = Int32Array.from({ length: graph.size }, (_, at) => at);
  const find = (at: number): number => {
    let top = at;
    while (above[top] !== top) {
      above[top] = above[above[top] as number] as number;
      top = above[top] as number;
    }
    return top;
  };
  let count = graph.size;
  const join = (a: number, b: number): void => {
    const [from, to] = [find(a), find(b)];
    if (from === to) return;
    above[from] = to;
    count--;
  };
  for (let at = 0; at < graph.size; at++) {
    if (graph.parentOf(at) !== NONE) join(at, graph.parentOf(at));
    for (const target of graph.linkedFrom(at)) join(at, target);
  }
  return { count, of: find };
}
