import type { Index, SpanGraph } from './graph.ts';
import { NONE } from './graph.ts';
import { isReceiver } from './ends.ts';

/** Hops that are whole, between the same two services over the same way. */
export interface ChainHop {
  readonly from: string;
  readonly to: string;
  readonly transport?: string;
  /** The path, topic, queue or tool. */
  readonly over?: string;
  readonly count: number;
}

/** Returns the hops that parents and links join, in the order in which they are first seen. */
export function hopsOf(graph: SpanGraph): ChainHop[] {
  const hops = new Map<string, { hop: Omit<ChainHop, 'count'>; count: number }>();
  for (let at = 0; at < graph.size; at++) {
    for (const sender of sendersOf(graph, at)) {
      const point = graph.meetingPoint(at) ?? graph.meetingPoint(sender);
      const [from, to] = [graph.serviceOf(sender), graph.serviceOf(at)];
      const key = `${graph.serviceNumber(sender)} ${graph.serviceNumber(at)} ${point?.transport} ${point?.over}`;
      const known = hops.get(key);
      if (known !== undefined) known.count++;
      else {
        const way = point === undefined ? undefined : { transport: point.transport, over: point.over };
        hops.set(key, { hop: { from, to, ...way }, count: 1 });
      }
    }
  }
  return Array.from(hops.values(), ({ hop, count }) => ({ ...hop, count }));
}

/** Who an arrival came from: its parent, else what it links to. A link beside a parent is another cause, or the same. */
function sendersOf(graph: SpanGraph, at: Index): Int32Array | readonly Index[] {
  const parent = graph.parentOf(at);
  if (parent !== NONE && graph.serviceNumber(parent) !== graph.serviceNumber(at)) return [parent];
  if (!isReceiver(graph, at)) return [];
  const kind = parent === NONE ? undefined : graph.kindOf(parent);
  if (kind === 'CLIENT' || kind === 'PRODUCER') return [parent];
  return graph.linkedFrom(at).filter((target) => graph.serviceNumber(target) !== graph.serviceNumber(at));
}
