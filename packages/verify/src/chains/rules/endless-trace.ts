import { NONE } from '../graph.ts';
import type { Index, SpanGraph } from '../graph.ts';
import { listed } from '../listed.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { shown, times } from '../words.ts';
import { isReceiver } from '../ends.ts';
import type { ChainRule } from './context.ts';

/** So many regular starts after everything above was over are a schedule. */
const ENOUGH = 5;

/** A timer that keeps the context it was set in: one trace that goes on by itself. */
export const endlessTrace: ChainRule = ({ graph }) => {
  const spots: Spot[] = [];
  const ends = endsOfAll(graph);
  for (let at = 0; at < graph.size; at++) {
    if (graph.childrenOf(at).length < ENOUGH) continue;
    const over = ends[at] as number;
    const byName = new Map<string, Index[]>();
    for (const child of graph.childrenOf(at)) {
      if (
        graph.startOf(child) <= over ||
        graph.serviceNumber(child) !== graph.serviceNumber(at) ||
        isReceiver(graph, child)
      )
        continue;
      listed(byName, graph.nameOf(child), () => [] as Index[]).push(child);
    }
    for (const late of byName.values()) {
      if (!isRegular(late.map((child) => graph.startOf(child)))) continue;
      spots.push({ at, boundary: { to: graph.serviceOf(at), over: graph.nameOf(at) }, cause: `${late.length}` });
    }
  }
  return grouped('endless-trace', 'error', graph, spots, ({ boundary, cause }) => {
    return `${shown(boundary.to)} goes on in one trace by itself: what ${shown(boundary.over)} set off started again at regular times, ${times(Number(cause))}, after it and all above it was over. Start each run in a trace of its own`;
  });
};

/** When each span and all that is above it in its process was over. */
function endsOfAll(graph: SpanGraph): Float64Array {
  const ends = new Float64Array(graph.size);
  for (const at of graph.forest.topDown) {
    const parent = graph.parentOf(at);
    const isBelow = parent !== NONE && graph.serviceNumber(parent) === graph.serviceNumber(at);
    ends[at] = Math.max(graph.endOf(at), isBelow ? (ends[parent] as number) : 0);
  }
  return ends;
}

function isRegular(starts: readonly number[]): boolean {
  if (starts.length < ENOUGH) return false;
  const sorted = [...starts].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((time, nth) => time - (sorted[nth] ?? time));
  const middle = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  return middle > 0 && gaps.filter((gap) => gap > middle * 0.7 && gap < middle * 1.3).length >= gaps.length * 0.8;
}
