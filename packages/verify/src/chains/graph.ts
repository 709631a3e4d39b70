import type { CollectedSpan } from '../span.ts';
import { meetingPointOf } from './meeting-point.ts';
import type { MeetingPoint } from './meeting-point.ts';

/** A span's place in the graph. */
export type Index = number;

/** No span. */
export const NONE = -1;

/** The spans of a capture and what joins them, each found by its index. Spans that came twice are there once. */
export class SpanGraph {
  readonly size: number;
  /** The spans of each trace. */
  readonly traces: ReadonlyMap<string, readonly Index[]>;
  readonly services: ReadonlySet<string>;
  /** Different spans that have one id. */
  readonly collisions: readonly (readonly Index[])[];
  readonly #spans: readonly CollectedSpan[];
  readonly #start: Float64Array;
  readonly #end: Float64Array;
  readonly #parent: Int32Array;
  readonly #children: readonly Index[][];
  readonly #linkedFrom: readonly Index[][];
  readonly #linkingTo: readonly Index[][];
  readonly #meetingPoints: readonly (MeetingPoint | undefined)[];

  constructor(source: Iterable<CollectedSpan>) {
    const { spans, byId } = distinct(source);
    const earliest = spans.reduce(
      (first, span) => least(first, span.startTimeUnixNano),
      spans[0]?.startTimeUnixNano ?? 0n,
    );
    const since = (time: bigint): number => Number(time - earliest) / 1e6;
    const lists = (): Index[][] => Array.from(spans, () => []);
    this.size = spans.length;
    this.#spans = spans;
    this.#start = Float64Array.from(spans, (span) => since(span.startTimeUnixNano));
    this.#end = Float64Array.from(spans, (span) => since(span.endTimeUnixNano));
    this.#parent = Int32Array.from(spans, (span, at) => this.#find(span, at, byId));
    this.#children = lists();
    this.#linkedFrom = lists();
    this.#linkingTo = lists();
    this.#meetingPoints = spans.map(meetingPointOf);
    const traces = new Map<string, Index[]>();
    for (const [at, span] of spans.entries()) {
      add(traces, span.traceId, at);
      const parent = this.parentOf(at);
      if (parent !== NONE) this.#children[parent]?.push(at);
      for (const link of span.links) {
        const target = byId.get(idOf(link.traceId, link.spanId))?.[0];
        if (target === undefined || target === at) continue;
        this.#linkedFrom[at]?.push(target);
        this.#linkingTo[target]?.push(at);
      }
    }
    this.traces = traces;
    this.services = new Set(spans.map(({ service }) => service));
    this.collisions = [...byId.values()].filter((indexes) => !isOneHop(indexes, spans));
  }

  span(at: Index): CollectedSpan {
    return this.#spans[at] as CollectedSpan;
  }

  /** Milliseconds since the earliest span. */
  startOf(at: Index): number {
    return this.#start[at] as number;
  }

  endOf(at: Index): number {
    return this.#end[at] as number;
  }

  /** {@link NONE} for a root, and where the parent is not in the capture. */
  parentOf(at: Index): Index {
    return this.#parent[at] as Index;
  }

  /** The spans above a span, from its parent on. Parents that lead back to themselves end somewhere. */
  *above(at: Index): Generator<Index> {
    for (let up = this.parentOf(at), steps = 0; up !== NONE && steps < this.size; up = this.parentOf(up), steps++)
      yield up;
  }

  childrenOf(at: Index): readonly Index[] {
    return this.#children[at] as Index[];
  }

  /** What a span links to, as far as it is in the capture. */
  linkedFrom(at: Index): readonly Index[] {
    return this.#linkedFrom[at] as Index[];
  }

  /** The spans that link to a span. */
  linkingTo(at: Index): readonly Index[] {
    return this.#linkingTo[at] as Index[];
  }

  meetingPoint(at: Index): MeetingPoint | undefined {
    return this.#meetingPoints[at];
  }

  /** Whether the parent of a span is in another process, as far as can be told. */
  isRemote(at: Index): boolean {
    const { parentIsRemote, kind } = this.span(at);
    return parentIsRemote ?? (kind === 'SERVER' || kind === 'CONSUMER');
  }

  #find(span: CollectedSpan, at: Index, byId: ReadonlyMap<string, readonly Index[]>): Index {
    // Zipkin gives both ends of a hop one id: the CLIENT is the parent of the SERVER.
    if (span.kind === 'SERVER') {
      const shared = byId.get(idOf(span.traceId, span.spanId)) ?? [];
      const client = shared.find((other) => other !== at && this.span(other).kind === 'CLIENT');
      if (client !== undefined) return client;
    }
    if (span.parentSpanId === undefined) return NONE;
    const candidates = byId.get(idOf(span.traceId, span.parentSpanId)) ?? [];
    if (candidates.length < 2) return candidates[0] ?? NONE;
    const covers = (other: Index): boolean =>
      this.startOf(other) <= this.startOf(at) && this.startOf(at) <= this.endOf(other);
    const own = candidates.filter((other) => this.span(other).service === span.service);
    return own.find(covers) ?? candidates.find(covers) ?? own[0] ?? candidates[0] ?? NONE;
  }
}

function distinct(source: Iterable<CollectedSpan>): {
  readonly spans: readonly CollectedSpan[];
  readonly byId: ReadonlyMap<string, readonly Index[]>;
} {
  const spans: CollectedSpan[] = [];
  const byId = new Map<string, Index[]>();
  for (const span of source) {
    const known = byId.get(idOf(span.traceId, span.spanId)) ?? [];
    if (known.some((index) => isSameSpan(spans[index] as CollectedSpan, span))) continue;
    add(byId, idOf(span.traceId, span.spanId), spans.length);
    spans.push(span);
  }
  return { spans, byId };
}

function add(lists: Map<string, Index[]>, key: string, at: Index): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [at]);
  else list.push(at);
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function idOf(traceId: string, spanId: string): string {
  return `${traceId}/${spanId}`;
}

// An exporter that was told to try again sends a span that is the same in all that it says.
function isSameSpan(a: CollectedSpan, b: CollectedSpan): boolean {
  return (
    a.startTimeUnixNano === b.startTimeUnixNano &&
    a.endTimeUnixNano === b.endTimeUnixNano &&
    a.kind === b.kind &&
    a.name === b.name &&
    a.service === b.service &&
    a.parentSpanId === b.parentSpanId
  );
}

function isOneHop(indexes: readonly Index[], spans: readonly CollectedSpan[]): boolean {
  if (indexes.length === 1) return true;
  const kinds = new Set(indexes.map((index) => spans[index]?.kind));
  return indexes.length === 2 && kinds.has('CLIENT') && kinds.has('SERVER');
}
