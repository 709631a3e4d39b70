import type { Index } from '../graph.ts';
import { listed } from '../listed.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { shown, times } from '../words.ts';
import { isReceiver } from '../ends.ts';
import { endsOfAll } from '../strays.ts';
import type { ChainRule } from './context.ts';

/** So many regular starts after everything above was over are a schedule. */
const ENOUGH = 8;
/** So many of its ticks may not be exported yet, or never be. */
const MISSED = 3;

/** A timer that keeps the context it was set in: one trace that goes on by itself. */
export const endlessTrace: ChainRule = ({ graph, strays }) => {
  const spots: Spot[] = [];
  const leaked = new Set(strays.leaked.map(({ inner }) => inner));
  const last = graph.lastEnd;
  const ends = endsOfAll(graph);
  for (let at = 0; at < graph.size; at++) {
    if (graph.childrenOf(at).length < ENOUGH) continue;
    const over = ends[at] as number;
    const byName = new Map<string, Index[]>();
    for (const child of graph.childrenOf(at)) {
      if (
        graph.startOf(child) <= over ||
        graph.serviceNumber(child) !== graph.serviceNumber(at) ||
        isReceiver(graph, child) ||
        leaked.has(child)
      )
        continue;
      listed(byName, graph.nameOf(child), () => [] as Index[]).push(child);
    }
    for (const late of byName.values()) {
      if (
        !goesOn(
          late.map((child) => graph.startOf(child)),
          last,
        )
      )
        continue;
      spots.push({ at, boundary: { to: graph.serviceOf(at), over: graph.nameOf(at) }, cause: `${late.length}` });
    }
  }
  return grouped('endless-trace', 'error', graph, spots, ({ boundary, cause }) => {
    return `${shown(boundary.to)} goes on in one trace by itself: what ${shown(boundary.over)} set off started again at regular times, ${times(Number(cause))}, after it and all above it was over. Start each run in a trace of its own`;
  });
};

/** Whether these are the starts of a timer, which has not come to an end: work in steps has one. */
function goesOn(starts: readonly number[], end: number): boolean {
  if (starts.length < ENOUGH) return false;
  const sorted = [...starts].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((time, nth) => time - (sorted[nth] ?? time));
  const middle = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  if (middle <= 0 || end - (sorted.at(-1) ?? end) > MISSED * middle) return false;
  return gaps.filter((gap) => gap > middle * 0.7 && gap < middle * 1.3).length >= gaps.length * 0.8;
}
