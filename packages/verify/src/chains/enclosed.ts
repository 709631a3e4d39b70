import type { Index, SpanGraph } from './graph.ts';

/** A span that lies inside of another, in time. */
export interface Enclosed {
  readonly inner: Index;
  readonly outer: Index;
}

/** Fewer than this may lie anywhere. */
const ENOUGH = 3;
/** What is as seldom as this is no chance. */
const SELDOM = 1e-4;
/** Inner spans of one outer span that are looked at. */
const MAX_GROUP = 10_000;

/**
 * Returns, for spans that nothing joins to others, in which of those each lies: where every one of them does, no two of the outer ones
 * overlap there, and it would hardly come about by chance. Two timers of one process meet now and then; a call that a request makes is
 * always inside of it. `slack` is how many milliseconds the ends of spans may be apart.
 */
export function enclosedIn(
  graph: SpanGraph,
  inner: readonly Index[],
  outer: readonly Index[],
  slack: number,
): readonly Enclosed[] {
  if (inner.length < ENOUGH || outer.length < ENOUGH || inner.length > MAX_GROUP) return [];
  const sorted = [...outer].sort((a, b) => graph.startOf(a) - graph.startOf(b));
  let over = -Infinity;
  const overBefore = sorted.map((at) => {
    const before = over;
    over = Math.max(over, graph.endOf(at));
    return before;
  });
  const found: Enclosed[] = [];
  // Of those in one outer span the one with the most room: it says the least.
  const room = new Map<Index, number>();
  for (const at of inner) {
    const place = lastUntil(graph, sorted, graph.startOf(at) + slack);
    const around = sorted[place];
    if (around === undefined || graph.endOf(at) > graph.endOf(around) + slack) return [];
    if ((overBefore[place] as number) > graph.endOf(at)) return [];
    const left = graph.endOf(around) - graph.startOf(around) - (graph.endOf(at) - graph.startOf(at)) + 2 * slack;
    room.set(around, Math.max(room.get(around) ?? 1, left));
    found.push({ inner: at, outer: around });
  }
  return room.size >= ENOUGH && chanceOf(graph, inner, sorted, [...room.values()]) < SELDOM ? found : [];
}

/** How probable it is that so many spans, put anywhere in the time of all, lie one in one inside of these. */
function chanceOf(
  graph: SpanGraph,
  inner: readonly Index[],
  outer: readonly Index[],
  rooms: readonly number[],
): number {
  let [from, to] = [Infinity, -Infinity];
  for (const list of [inner, outer]) {
    for (const at of list) {
      from = Math.min(from, graph.startOf(at));
      to = Math.max(to, graph.endOf(at));
    }
  }
  // In logarithms: there may be thousands.
  return Math.exp(rooms.reduce((sum, room, nth) => sum + Math.log(((outer.length - nth) * room) / (to - from)), 0));
}

function lastUntil(graph: SpanGraph, sorted: readonly Index[], time: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (graph.startOf(sorted[middle] as Index) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
