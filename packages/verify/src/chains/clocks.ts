import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';

/** How far the clocks of services are apart, as the hops between them show. */
export interface Clocks {
  /** Milliseconds that the clock of `to` is ahead of that of `from`; 0 where no hop says otherwise. */
  ahead(from: string, to: string): number;
}

/** Less than this is the time that a hop takes. */
const APART = 1000;

/** Returns how far clocks are apart, by the requests that are joined: each arrives while its sender waits. */
export function clocksOf(graph: SpanGraph, receivers: readonly Index[]): Clocks {
  const delays = new Map<string, number[]>();
  for (const receiver of receivers) {
    const sender = graph.parentOf(receiver);
    if (sender === NONE || graph.meetingPoint(receiver)?.waits !== true) continue;
    if (graph.span(sender).service === graph.span(receiver).service) continue;
    const isApart =
      graph.startOf(receiver) + APART < graph.startOf(sender) || graph.endOf(sender) + APART < graph.startOf(receiver);
    const key = pair(graph.span(sender).service, graph.span(receiver).service);
    const known = delays.get(key);
    const delay = isApart ? graph.startOf(receiver) - graph.startOf(sender) : 0;
    if (known === undefined) delays.set(key, [delay]);
    else known.push(delay);
  }
  const middles = new Map([...delays].map(([key, values]) => [key, middleOf(values)]));
  return { ahead: (from, to) => middles.get(pair(from, to)) ?? 0 };
}

function pair(from: string, to: string): string {
  return JSON.stringify([from, to]);
}

function middleOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}
