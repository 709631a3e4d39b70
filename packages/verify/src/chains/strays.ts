import type { Arrival, Capture } from './arrivals.ts';
import { Fact } from './columns/facts.ts';
import { enclosedIn } from './enclosed.ts';
import type { Enclosed } from './enclosed.ts';
import { isReceiver } from './ends.ts';
import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';
import { listed } from './listed.ts';

/** Spans that nothing joins to what caused them, and that time does. */
export interface Strays {
  /** Roots of work that a request of their own process had done: its context was lost on the way to a thread or a queue. */
  readonly lost: readonly Enclosed[];
  /** The same, below something that was over: the context of an earlier request was left behind. */
  readonly leaked: readonly Enclosed[];
  /** Arrivals inside of calls that nobody was seen to answer, which something between sent on to another place. */
  readonly relayed: readonly Enclosed[];
}

/** Milliseconds that rounding may put a span past the end of what it is in. */
const ROUNDED = 1;
/** Milliseconds that an answer may be on its way. */
const ON_THE_WAY = 5;

/** Returns the spans of a capture that belong into others, by the time of all of their kind. */
export function straysOf(capture: Capture, arrivals: readonly Arrival[]): Strays {
  const { graph } = capture;
  const over = endsOfAll(graph);
  const inbound = new Map<number, Index[]>();
  const roots = new Map<string, Index[]>();
  const late = new Map<string, Index[]>();
  for (let at = 0; at < graph.size; at++) {
    if (isReceiver(graph, at)) {
      listed(inbound, graph.serviceNumber(at), () => [] as Index[]).push(at);
      continue;
    }
    if (graph.is(at, Fact.consumes) || graph.is(at, Fact.links)) continue;
    const kin = `${graph.serviceNumber(at)}\n${graph.kindOf(at)}\n${graph.nameOf(at)}`;
    const parent = graph.parentOf(at);
    if (parent === NONE && !graph.hasParent(at)) listed(roots, kin, () => [] as Index[]).push(at);
    else if (isLate(graph, at, over)) listed(late, kin, () => [] as Index[]).push(at);
  }
  const within = (groups: ReadonlyMap<string, readonly Index[]>): Enclosed[] =>
    [...groups.values()].flatMap((group) => {
      const work = group.filter((at) => leadsOut(graph, at));
      if (work.length === 0) return [];
      const requests = inbound.get(graph.serviceNumber(work[0] as Index)) ?? [];
      return enclosedIn(graph, work, requests, ROUNDED);
    });
  return { lost: within(roots), leaked: within(late), relayed: relayedIn(capture, arrivals) };
}

/** When each span and all that is above it in its process was over. */
export function endsOfAll(graph: SpanGraph): Float64Array {
  const ends = new Float64Array(graph.size);
  for (const at of graph.forest.topDown) {
    const parent = graph.parentOf(at);
    const isBelow = parent !== NONE && graph.serviceNumber(parent) === graph.serviceNumber(at);
    // What does not say when it was over may be open still.
    const end = graph.saysEnd(at) ? graph.endOf(at) : Infinity;
    ends[at] = Math.max(end, isBelow ? (ends[parent] as number) : 0);
  }
  return ends;
}

function isLate(graph: SpanGraph, at: Index, over: Float64Array): boolean {
  const parent = graph.parentOf(at);
  if (parent === NONE || graph.serviceNumber(parent) !== graph.serviceNumber(at)) return false;
  return graph.startOf(at) > (over[parent] as number);
}

/** Whether a span calls somebody, or has that done: what stays inside of a process may be its own affair. */
function leadsOut(graph: SpanGraph, at: Index): boolean {
  const isCall = (span: Index): boolean => {
    const kind = graph.kindOf(span);
    return (kind === 'CLIENT' || kind === 'PRODUCER') && graph.meetingPoint(span) !== undefined;
  };
  return isCall(at) || graph.childrenOf(at).some(isCall);
}

/** Roots of one service, inside of calls of another that nobody answered, to a place whose path ends as theirs does. */
function relayedIn({ graph, ends }: Capture, arrivals: readonly Arrival[]): Enclosed[] {
  const calls = new Places(graph);
  for (const at of ends.senders) if (ends.heardBy(at).length === 0) calls.add(at);
  const served = new Places(graph);
  for (const { receiver, joined } of arrivals) {
    if (joined === 'joined' && !graph.hasParent(receiver) && !graph.is(receiver, Fact.links)) served.add(receiver);
  }
  return served.lists().flatMap((inner) =>
    calls.like(inner[0] as Index).flatMap((outer) => {
      const [to, from] = [inner[0] as Index, outer[0] as Index];
      if (graph.serviceNumber(to) === graph.serviceNumber(from) || !isOnePath(graph, from, to)) return [];
      return enclosedIn(graph, inner, outer, ON_THE_WAY);
    }),
  );
}

/** Ends of requests over HTTP, those of one service at one place together, found by method and the last part of the path. */
class Places {
  readonly #graph: SpanGraph;
  readonly #byKey = new Map<string, Map<string, Index[]>>();

  constructor(graph: SpanGraph) {
    this.#graph = graph;
  }

  add(at: Index): void {
    const key = this.#keyOf(at);
    if (key === undefined) return;
    const place = `${this.#graph.serviceNumber(at)} ${this.#graph.meetingPointNumber(at)}`;
    listed(
      listed(this.#byKey, key, () => new Map<string, Index[]>()),
      place,
      () => [] as Index[],
    ).push(at);
  }

  lists(): Index[][] {
    return [...this.#byKey.values()].flatMap((places) => [...places.values()]);
  }

  like(at: Index): Index[][] {
    return [...(this.#byKey.get(this.#keyOf(at) ?? '')?.values() ?? [])];
  }

  #keyOf(at: Index): string | undefined {
    const point = this.#graph.meetingPoint(at);
    const [path] = point?.names ?? [];
    if (point?.transport !== 'http' || path === undefined) return undefined;
    return `${point.method} ${path.slice(path.lastIndexOf('/'))}`;
  }
}

/** Whether two paths are one but for a prefix, which a proxy adds or takes away. */
function isOnePath(graph: SpanGraph, a: Index, b: Index): boolean {
  const [one = '', other = ''] = [graph.meetingPoint(a)?.over, graph.meetingPoint(b)?.over];
  return one.endsWith(other) || other.endsWith(one);
}
