import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';

/** What the longest request or job spent its time on. */
export interface CriticalPath {
  readonly traceId: string;
  /** Milliseconds from its first span to its last. */
  readonly duration: number;
  /** In the order of time; those that took least are left out. */
  readonly steps: readonly CriticalStep[];
}

/** A span that all after it waited for. */
export interface CriticalStep {
  readonly spanId: string;
  readonly service: string;
  readonly name: string;
  /** What it came over, where it waited for that: `kafka desk.tasks`. */
  readonly over?: string;
  /** Milliseconds in which nothing below it was at work. */
  readonly self: number;
  /** Milliseconds between the end of who sent and its start: in a queue. */
  readonly waited: number;
}

const SHOWN = 20;

/** Returns the path through the longest tree of a capture: the spans without which it would have been over sooner. */
export function criticalPathOf(graph: SpanGraph): CriticalPath | undefined {
  // When each span and all that is below it was over.
  const over = Float64Array.from({ length: graph.size }, (_, at) => graph.endOf(at));
  const { topDown } = graph.forest;
  for (let nth = topDown.length - 1; nth >= 0; nth--) {
    const at = topDown[nth] as Index;
    const parent = graph.parentOf(at);
    if (parent !== NONE) over[parent] = Math.max(over[parent] as number, over[at] as number);
  }
  const lasts = (at: Index): number => (over[at] as number) - graph.startOf(at);
  let top = NONE;
  for (const at of topDown) {
    if (graph.parentOf(at) === NONE && (top === NONE || lasts(at) > lasts(top))) top = at;
  }
  if (top === NONE || lasts(top) <= 0) return undefined;
  const steps = stepsOf(graph, top, over).sort((a, b) => b.self + b.waited - a.self - a.waited);
  return {
    traceId: graph.idOf(top).traceId,
    duration: rounded(lasts(top)),
    steps: steps
      .slice(0, SHOWN)
      .sort((a, b) => graph.startOf(a.at) - graph.startOf(b.at))
      .map((step) => stepOf(graph, step)),
  };
}

interface Step {
  readonly at: Index;
  self: number;
  waited: number;
}

/** Goes back from the end: of what is below a span, that which was over last is what it waited for. */
function stepsOf(graph: SpanGraph, top: Index, over: Float64Array): Step[] {
  const steps: Step[] = [];
  const open: { readonly at: Index; readonly until: number; readonly waited: number }[] = [
    { at: top, until: over[top] as number, waited: 0 },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { at, until, waited } = next;
    let cursor = until;
    let self = 0;
    const children = [...graph.childrenOf(at)].sort((a, b) => (over[b] as number) - (over[a] as number));
    for (const child of children) {
      const start = graph.startOf(child);
      // What began after that was not waited for, and a clock may be wrong.
      if (start >= cursor || start < graph.startOf(at)) continue;
      const ended = Math.min(over[child] as number, cursor);
      self += cursor - ended;
      // What a message waits for after it was sent is its own.
      const queued = graph.kindOf(child) === 'CONSUMER' ? Math.max(0, start - graph.endOf(at)) : 0;
      open.push({ at: child, until: ended, waited: queued });
      cursor = start - queued;
    }
    steps.push({ at, self: self + Math.max(0, cursor - graph.startOf(at)), waited });
  }
  return steps;
}

function stepOf(graph: SpanGraph, { at, self, waited }: Step): CriticalStep {
  const point = graph.meetingPoint(at);
  return {
    spanId: graph.idOf(at).spanId,
    service: graph.serviceOf(at),
    name: graph.nameOf(at),
    ...(waited > 0 && point !== undefined ? { over: `${point.transport} ${point.over ?? ''}`.trim() } : undefined),
    self: rounded(self),
    waited: rounded(waited),
  };
}

/** Times are floats: what lies behind a hundredth of a millisecond is noise of theirs. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
