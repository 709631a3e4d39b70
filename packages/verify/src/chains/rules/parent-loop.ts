import { NONE } from '../graph.ts';
import type { Index } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { shown } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Parents that lead back to themselves. */
export const parentLoop: ChainRule = ({ graph }) => {
  const FRESH = 0;
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(graph.size);
  const spots: Spot[] = [];
  for (let from = 0; from < graph.size; from++) {
    const path: Index[] = [];
    let at: Index = from;
    while (at !== NONE && state[at] === FRESH) {
      state[at] = OPEN;
      path.push(at);
      at = graph.parentOf(at);
    }
    if (at !== NONE && state[at] === OPEN) spots.push({ at, boundary: { to: graph.serviceOf(at), missing: 'parent' } });
    for (const seen of path) state[seen] = DONE;
  }
  return grouped(
    'parent-loop',
    'error',
    graph,
    spots,
    ({ at }) => `the parents of ${shown(graph.nameOf(at))} lead back to itself`,
  );
};
