import { wayOf } from './boundary.ts';
import type { Index, SpanGraph } from './graph.ts';
import { NONE } from './graph.ts';
import { isReceiver } from './ends.ts';
import { listed } from './listed.ts';

/** Hops that are whole, between the same two services over the same way. */
export interface ChainHop {
  readonly from: string;
  readonly to: string;
  readonly transport?: string;
  /** The path, topic, queue or tool. */
  readonly over?: string;
  readonly count: number;
}

/** One of some hops between the same services at the same place, and how many they are. */
interface SameHops {
  readonly sender: Index;
  readonly at: Index;
  count: number;
}

/** Returns the hops that parents and links join, in the order in which they are first seen. */
export function hopsOf(graph: SpanGraph): ChainHop[] {
  // By numbers first: most hops are one of a few.
  const counts = new Map<number, Map<number, SameHops>>();
  for (let at = 0; at < graph.size; at++) {
    for (const sender of sendersOf(graph, at)) {
      const services = graph.serviceNumber(sender) * graph.services.size + graph.serviceNumber(at);
      const place = graph.meetingPoint(at) === undefined ? sender : at;
      const ofServices = listed(counts, services, () => new Map<number, SameHops>());
      listed(ofServices, graph.meetingPointNumber(place), (): SameHops => ({ sender, at, count: 0 })).count++;
    }
  }
  const hops = new Map<string, { hop: Omit<ChainHop, 'count'>; count: number }>();
  for (const { sender, at, count } of [...counts.values()].flatMap((ofServices) => [...ofServices.values()])) {
    const point = graph.meetingPoint(at) ?? graph.meetingPoint(sender);
    const [from, to] = [graph.serviceOf(sender), graph.serviceOf(at)];
    const way = point === undefined ? undefined : wayOf(point);
    const key = JSON.stringify([from, to, point?.transport, point?.over]);
    listed(hops, key, () => ({ hop: { from, to, ...way }, count: 0 })).count += count;
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
