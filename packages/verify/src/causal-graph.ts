import { type Boundary, boundaryOf } from './boundary.ts';
import { isInboundHop } from './hop-span.ts';
import type { CollectedSpan } from './span.ts';

/** A span and its place in the graph. */
export interface CausalNode {
  readonly span: CollectedSpan;
  /** Absent on a root, on an orphan, and where a loop was cut. */
  readonly parent?: CausalNode;
  /** By start time. */
  readonly children: readonly CausalNode[];
}

/** What carries one trace id. */
export interface CausalTrace {
  readonly traceId: string;
  /** By start time. */
  readonly nodes: readonly CausalNode[];
  /** Spans that name no parent. */
  readonly roots: readonly CausalNode[];
  /** Spans whose parent is not among the spans. */
  readonly orphans: readonly CausalNode[];
  /** Where a chain of parents that leads back to itself was cut, one span a loop. */
  readonly loops: readonly CausalNode[];
}

/** An edge of the graph that crosses a boundary between services or processes. */
export interface HopEdge {
  readonly from: CausalNode;
  readonly to: CausalNode;
  readonly boundary: Boundary;
}

export interface CausalGraph {
  /** By start time of the first span. */
  readonly traces: readonly CausalTrace[];
  readonly hops: readonly HopEdge[];
  /** Names of services, in the order in which they first start a span. */
  readonly services: readonly string[];
  /** Finds a span; `undefined` when it was not collected. */
  find(traceId: string, spanId: string): CausalNode | undefined;
}

interface GrowingNode extends CausalNode {
  parent?: GrowingNode;
  readonly children: GrowingNode[];
}

/**
 * Returns who caused what among spans of any number of traces and services. A span that came twice, as it does when an
 * exporter retries, counts once. Loops of parents, which only broken or hostile senders make, are cut, so that every
 * walk down or up the graph ends.
 */
export function buildCausalGraph(spans: Iterable<CollectedSpan>): CausalGraph {
  const nodes = new Map<string, GrowingNode>();
  const inOrder = Array.from(spans).sort((a, b) => compare(a.startTimeUnixNano, b.startTimeUnixNano));
  for (const span of inOrder) {
    const key = keyOf(span.traceId, span.spanId);
    if (!nodes.has(key)) nodes.set(key, { span, children: [] });
  }
  for (const node of nodes.values()) {
    const { traceId, parentSpanId } = node.span;
    const parent = parentSpanId === undefined ? undefined : nodes.get(keyOf(traceId, parentSpanId));
    if (parent !== undefined) node.parent = parent;
  }
  const loops = cutLoops(nodes.values());
  for (const node of nodes.values()) node.parent?.children.push(node);

  const byTrace = new Map<string, CausalNode[]>();
  const hops: HopEdge[] = [];
  for (const node of nodes.values()) {
    const trace = byTrace.get(node.span.traceId);
    if (trace === undefined) byTrace.set(node.span.traceId, [node]);
    else trace.push(node);
    if (node.parent !== undefined && isCrossing(node)) {
      hops.push({ from: node.parent, to: node, boundary: boundaryOf(node.span, node.parent.span) });
    }
  }
  return {
    traces: Array.from(byTrace, ([traceId, ofTrace]) => ({
      traceId,
      nodes: ofTrace,
      roots: ofTrace.filter(({ span }) => span.parentSpanId === undefined),
      orphans: ofTrace.filter((node) => isOrphan(node) && !loops.has(node)),
      loops: ofTrace.filter((node) => loops.has(node)),
    })),
    hops,
    services: [...new Set(Array.from(nodes.values(), ({ span }) => span.service))],
    find: (traceId, spanId) => nodes.get(keyOf(traceId, spanId)),
  };
}

/** Whether the span came over a boundary: its parent is of another service or process, or it is an inbound hop. */
export function isCrossing(node: CausalNode): boolean {
  const { span, parent } = node;
  if (span.parentSpanId === undefined) return false;
  return (
    isInboundHop(span) || span.parentIsRemote === true || (parent !== undefined && parent.span.service !== span.service)
  );
}

/** Removes the parent of one span in each loop and returns those spans. */
function cutLoops(nodes: Iterable<GrowingNode>): ReadonlySet<CausalNode> {
  const loops = new Set<CausalNode>();
  const settled = new Set<GrowingNode>();
  for (const start of nodes) {
    const path = new Set<GrowingNode>();
    let node: GrowingNode | undefined = start;
    while (node !== undefined && !settled.has(node) && !path.has(node)) {
      path.add(node);
      node = node.parent;
    }
    if (node !== undefined && path.has(node)) {
      delete node.parent;
      loops.add(node);
    }
    for (const walked of path) settled.add(walked);
  }
  return loops;
}

function isOrphan(node: CausalNode): boolean {
  return node.span.parentSpanId !== undefined && node.parent === undefined;
}

function keyOf(traceId: string, spanId: string): string {
  return `${traceId}-${spanId}`;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
