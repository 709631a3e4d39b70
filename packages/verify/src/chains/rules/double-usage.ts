import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { number } from '../meeting-point.ts';
import { shown, times } from '../words.ts';
import type { ChainRule } from './context.ts';

/** Tokens that a span counts and a span below it counts again: who adds them up pays twice. */
export const doubleUsage: ChainRule = ({ graph }) => {
  const spots: Spot[] = [];
  const counts = (at: number): boolean =>
    number(graph.span(at).attributes, 'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens') !== undefined;
  for (let at = 0; at < graph.size; at++) {
    if (!counts(at)) continue;
    const { service } = graph.span(at);
    for (const above of graph.above(at)) {
      if (graph.span(above).service !== service) break;
      if (!counts(above)) continue;
      spots.push({ at, boundary: { to: service }, cause: graph.span(above).name });
      break;
    }
  }
  return grouped(
    'double-usage',
    'warning',
    graph,
    spots,
    ({ at, boundary, cause }, count) =>
      `${shown(boundary.to)} counts tokens on ${shown(cause)} and on ${shown(graph.span(at).name)} below it, ${times(count)}: a sum over spans counts them twice`,
  );
};
