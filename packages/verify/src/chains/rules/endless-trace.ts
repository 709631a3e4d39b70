import { NONE } from '../graph.ts';
import type { Index, SpanGraph } from '../graph.ts';
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
  for (let at = 0; at < graph.size; at++) {
    const over = endOfAll(graph, at);
    const byName = new Map<string, Index[]>();
    for (const child of graph.childrenOf(at)) {
      if (
        graph.startOf(child) <= over ||
        graph.span(child).service !== graph.span(at).service ||
        isReceiver(graph, child)
      )
        continue;
      const known = byName.get(graph.span(child).name);
      if (known === undefined) byName.set(graph.span(child).name, [child]);
      else known.push(child);
    }
    for (const late of byName.values()) {
      if (!isRegular(late.map((child) => graph.startOf(child)))) continue;
      const { service, name } = graph.span(at);
      spots.push({ at, boundary: { to: service, over: name }, cause: `${late.length}` });
    }
  }
  return grouped('endless-trace', 'error', graph, spots, ({ boundary, cause }) => {
    return `${shown(boundary.to)} goes on in one trace by itself: what ${shown(boundary.over)} set off started again at regular times, ${times(Number(cause))}, after it and all above it was over. Start each run in a trace of its own`;
  });
};

/** When the span and all that is above it in its process was over. */
function endOfAll(graph: SpanGraph, at: Index): number {
  let over = graph.endOf(at);
  const { service } = graph.span(at);
  for (let up = graph.parentOf(at), steps = 0; up !== NONE && steps < 10_000; up = graph.parentOf(up), steps++) {
    if (graph.span(up).service !== service) break;
    over = Math.max(over, graph.endOf(up));
  }
  return over;
}

function isRegular(starts: readonly number[]): boolean {
  if (starts.length < ENOUGH) return false;
  const sorted = [...starts].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((time, nth) => time - (sorted[nth] ?? time));
  const middle = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  return middle > 0 && gaps.filter((gap) => gap > middle * 0.7 && gap < middle * 1.3).length >= gaps.length * 0.8;
}
