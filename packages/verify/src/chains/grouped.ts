import type { ChainBoundary, ChainFinding, ChainFindingCode, FoundSpan } from './finding.ts';
import { listed } from './listed.ts';
import type { Index, SpanGraph } from './graph.ts';

const SHOWN = 20;

/** One place where a rule found something. */
export interface Spot {
  readonly at: Index;
  readonly boundary: ChainBoundary;
  /** What else belongs to the cause, so that two causes at one boundary are two findings. */
  readonly cause?: string | undefined;
}

/** Returns one finding for each cause: spots at the same boundary are one. `say` puts the first of them into a sentence. */
export function grouped(
  code: ChainFindingCode,
  severity: ChainFinding['severity'],
  graph: SpanGraph,
  spots: readonly Spot[],
  say: (first: Spot, count: number) => string,
): ChainFinding[] {
  const groups = new Map<string, Spot[]>();
  const numbers = new Map<string | undefined, number>();
  const numberOf = (part: string | undefined): number => listed(numbers, part, () => numbers.size);
  for (const spot of spots) {
    const { from, to, transport, over } = spot.boundary;
    // By numbers: a name may be of any length, and on every span.
    const key = [from, to, transport, over, spot.cause].map((part) => numberOf(part)).join(' ');
    listed(groups, key, () => [] as Spot[]).push(spot);
  }
  return [...groups.values()].map((group) => {
    const first = group[0] as Spot;
    return {
      code,
      severity,
      message: say(first, group.length),
      boundary: first.boundary,
      spans: foundSpans(
        graph,
        group.slice(0, SHOWN).map(({ at }) => at),
      ),
      count: group.length,
    };
  });
}

/** Returns spans as a finding names them. */
export function foundSpans(graph: SpanGraph, spans: readonly Index[]): FoundSpan[] {
  return spans.map((at) => {
    const code = graph.codeOf(at);
    return code === undefined ? graph.idOf(at) : { ...graph.idOf(at), code };
  });
}
