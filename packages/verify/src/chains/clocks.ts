import { NONE } from './graph.ts';
import { listed } from './listed.ts';
import type { Index, SpanGraph } from './graph.ts';

/** How far the clocks of services are apart, as the hops between them show. */
export interface Clocks {
  /** Milliseconds that the clock of the service of `receiver` is ahead of that of `sender`; 0 where no hop says otherwise. */
  ahead(sender: Index, receiver: Index): number;
}

/** Milliseconds that clocks of one machine, and rounding, may be apart. */
export const SLACK = 50;

/** Less than this is the time that a hop takes. */
const APART = 1000;

/** Returns how far clocks are apart, by the requests that are joined: each arrives while its sender waits. */
export function clocksOf(graph: SpanGraph, receivers: readonly Index[]): Clocks {
  const pair = (from: Index, to: Index): number =>
    graph.serviceNumber(from) * graph.services.size + graph.serviceNumber(to);
  const delays = new Map<number, number[]>();
  const seen = new Set<Index>();
  for (const receiver of receivers) {
    const sender = graph.parentOf(receiver);
    if (sender === NONE || graph.serviceNumber(sender) === graph.serviceNumber(receiver)) continue;
    if (graph.meetingPoint(receiver)?.waits !== true) continue;
    // A context that is used again and again says nothing of clocks after the first time.
    if (seen.has(sender)) continue;
    seen.add(sender);
    const isApart =
      graph.startOf(receiver) + APART < graph.startOf(sender) || graph.endOf(sender) + APART < graph.startOf(receiver);
    const delay = isApart ? graph.startOf(receiver) - graph.startOf(sender) : 0;
    listed(delays, pair(sender, receiver), () => [] as number[]).push(delay);
  }
  const middles = new Map([...delays].map(([key, values]) => [key, middleOf(values)]));
  return { ahead: (sender, receiver) => middles.get(pair(sender, receiver)) ?? 0 };
}

function middleOf(values: readonly number[]): number {
  return Float64Array.from(values).sort()[Math.floor((values.length - 1) / 2)] ?? 0;
}
