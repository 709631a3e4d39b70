import type { SpanKindName } from '../span.ts';
import type { Arrival, Joined } from './arrivals.ts';
import { Fact } from './columns/facts.ts';
import type { ChainFindingCode } from './finding.ts';
import { isReceiver } from './ends.ts';
import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';
import { listed } from './listed.ts';
import type { MeetingPoint } from './meeting-point.ts';
import type { Judged } from './rules/context.ts';

/** A tree of what caused what, from the top down. */
export interface ChainTree {
  readonly traceId: string;
  readonly rows: readonly TreeRow[];
}

/** A span in its tree. Where its context was lost, it stands below who sent to it. */
export interface TreeRow {
  /** How far below the top; a row is below the nearest one before it that is less deep. */
  readonly depth: number;
  readonly spanId: string;
  /** Where it is another than that of the tree: what was lost started a trace of its own. */
  readonly traceId?: string;
  readonly service: string;
  readonly kind: SpanKindName;
  readonly name: string;
  /** Milliseconds since the first span of the capture, and milliseconds. */
  readonly start: number;
  readonly duration: number;
  /** Why it failed, which may be empty. */
  readonly error?: string;
  /** Of a turn or a call of a model: where its time went, what was tried again, what failed in silence. */
  readonly notes?: readonly string[];
  /** What it came over, where it came over a boundary: `kafka desk.tasks`, or `unknown`. */
  readonly over?: string;
  /** How the chain is broken right above. */
  readonly broken?: ChainFindingCode;
  /** The parent that it names and that is not in the capture, or that is below itself. */
  readonly missingParent?: string;
}

/** How an arrival is broken, by what a finding calls it. */
const codes: Readonly<Record<Joined, ChainFindingCode | undefined>> = {
  joined: undefined,
  lost: 'lost-context',
  unlinked: 'batch-unlinked',
  phantom: 'phantom-parent',
  'link-lost': 'missing-link-target',
  wrong: 'wrong-parent',
  orphan: 'orphan',
};

/**
 * Returns trees of so many spans at the most: of all traces in the order of time, or, where there are more, of those that are broken alone.
 */
export function treesOf({ graph, arrivals }: Judged, maxSpans: number): ChainTree[] {
  if (maxSpans <= 0 || graph.size === 0) return [];
  const lost = new Map(
    arrivals.filter(({ joined }) => joined !== 'joined').map((arrival) => [arrival.receiver, arrival]),
  );
  const isTop = (at: Index): boolean => graph.parentOf(at) === NONE && lost.get(at)?.sender === undefined;
  const below = childrenWith(graph, lost);
  const drawn = new Uint8Array(graph.size);
  let left = maxSpans;
  const draw = (top: Index): TreeRow[] => {
    const rows: TreeRow[] = [];
    const open: { readonly at: Index; readonly depth: number }[] = [{ at: top, depth: 0 }];
    for (let next = open.pop(); next !== undefined && left > 0; next = open.pop()) {
      const { at, depth } = next;
      if (drawn[at] === 1) continue;
      drawn[at] = 1;
      left--;
      rows.push(rowOf(graph, at, depth, top, lost.get(at)));
      for (const child of below(at).reverse()) open.push({ at: child, depth: depth + 1 });
    }
    return rows;
  };
  const trees = new Map<string, TreeRow[]>();
  const drawAll = (tops: readonly Index[]): void => {
    for (const top of tops) {
      if (left <= 0) return;
      if (drawn[top] === 1) continue;
      const { traceId } = graph.idOf(top);
      const rows = trees.get(traceId) ?? [];
      trees.set(traceId, rows);
      rows.push(...draw(top));
    }
  };
  const byStart = (a: Index, b: Index): number => graph.startOf(a) - graph.startOf(b);
  const all = Array.from({ length: graph.size }, (_, at) => at);
  if (graph.size > maxSpans) drawAll(topsOfBroken(graph, lost, isTop).sort(byStart));
  else {
    drawAll(all.filter(isTop).sort(byStart));
    // What is left goes round in circles.
    drawAll(all.sort(byStart));
  }
  return Array.from(trees, ([traceId, rows]) => ({ traceId, rows }));
}

/** Returns the tops above what is broken. */
function topsOfBroken(graph: SpanGraph, lost: ReadonlyMap<Index, Arrival>, isTop: (at: Index) => boolean): Index[] {
  const tops = new Set<Index>();
  const addAbove = (at: Index): void => {
    let top = at;
    for (const up of graph.above(at)) top = up;
    if (isTop(top)) tops.add(top);
  };
  for (const { receiver, sender = receiver } of lost.values()) addAbove(sender);
  for (let at = 0; at < graph.size; at++) if (isOrphan(graph, at)) tops.add(at);
  return [...tops];
}

/** Whether the parent of a span was of its own process, and is not in the capture. */
function isOrphan(graph: SpanGraph, at: Index): boolean {
  return graph.hasParent(at) && graph.parentOf(at) === NONE && !isReceiver(graph, at);
}

function childrenWith(graph: SpanGraph, lost: ReadonlyMap<Index, Arrival>): (at: Index) => Index[] {
  const sent = new Map<Index, Index[]>();
  for (const { receiver, sender } of lost.values()) {
    if (sender !== undefined) listed(sent, sender, () => [] as Index[]).push(receiver);
  }
  return (at) =>
    [...graph.childrenOf(at)]
      .filter((child) => lost.get(child)?.sender === undefined)
      .concat(sent.get(at) ?? [])
      .sort((a, b) => graph.startOf(a) - graph.startOf(b));
}

function rowOf(graph: SpanGraph, at: Index, depth: number, top: Index, lost: Arrival | undefined): TreeRow {
  const parent = graph.parentOf(at);
  const { traceId, spanId } = graph.idOf(at);
  const parentId = graph.parentIdOf(at);
  const sender = lost?.sender ?? parent;
  const isLoop = depth === 0 && parent !== NONE && lost === undefined;
  const code =
    lost !== undefined ? codes[lost.joined] : isLoop ? 'parent-loop' : isOrphan(graph, at) ? 'orphan' : undefined;
  const over = isCrossing(graph, at) || lost !== undefined ? overOf(graph, at, sender) : undefined;
  const isMissing = parentId !== undefined && (parent === NONE || isLoop);
  const error = graph.errorOf(at);
  const notes = graph.notesOf(at);
  return {
    depth,
    spanId,
    ...(traceId === graph.idOf(top).traceId ? undefined : { traceId }),
    service: graph.serviceOf(at),
    kind: graph.kindOf(at),
    name: graph.nameOf(at),
    start: rounded(graph.startOf(at)),
    duration: rounded(graph.durationOf(at)),
    ...(error === undefined ? undefined : { error }),
    ...(notes === undefined ? undefined : { notes }),
    ...(over === undefined ? undefined : { over }),
    ...(code === undefined ? undefined : { broken: code }),
    ...(isMissing ? { missingParent: parentId } : undefined),
  };
}

/** Clocks tell no more of what is longer than a millisecond. */
function rounded(milliseconds: number): number {
  return Number(milliseconds.toFixed(Math.abs(milliseconds) < 1 ? 6 : 3));
}

/** Whether a span came over a boundary: its parent is of another service or process, or it is an inbound hop. */
function isCrossing(graph: SpanGraph, at: Index): boolean {
  if (!graph.hasParent(at)) return false;
  const parent = graph.parentOf(at);
  return (
    graph.is(at, Fact.inboundHop | Fact.parentIsRemote) ||
    (parent !== NONE && graph.serviceNumber(parent) !== graph.serviceNumber(at))
  );
}

function overOf(graph: SpanGraph, at: Index, sender: Index): string {
  const point = graph.meetingPoint(at) ?? (sender === NONE ? undefined : graph.meetingPoint(sender));
  return point === undefined ? 'unknown' : labelOf(point);
}

/** Of a call the span's own name says the rest. */
function labelOf({ transport, waits, over, channel }: MeetingPoint): string {
  const way = waits ? channel : over;
  return way === undefined || way === transport ? transport : `${transport} ${way}`;
}
