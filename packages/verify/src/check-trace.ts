import { type Boundary, boundaryOf, meetingPointOf } from './boundary.ts';
import { type CausalGraph, type CausalNode, type CausalTrace, buildCausalGraph, isCrossing } from './causal-graph.ts';
import { THROUGHLINE_CALLS } from './conventions.ts';
import { isOutboundHop } from './hop-span.ts';
import { printable } from './printable.ts';
import type { CollectedSpan } from './span.ts';

export type FindingCode =
  | 'no-spans'
  | 'incomplete-capture'
  | 'split-trace'
  | 'orphan'
  | 'parent-loop'
  | 'missing-link-target'
  | 'missing-calls';

/** One way in which the spans fall short of one whole trace. */
export interface Finding {
  readonly code: FindingCode;
  /** A sentence for people, safe to print, whatever the spans hold. */
  readonly message: string;
  /** The span at which it shows. */
  readonly traceId?: string;
  readonly spanId?: string;
  readonly boundary?: FindingBoundary;
}

/** Where the trace broke. */
export interface FindingBoundary extends Boundary {
  /** The service that sent, where one can be told. */
  readonly from?: string;
  /** The service that received. */
  readonly to: string;
  /** What did not come across, or was not exported. */
  readonly missing: 'context' | 'parent' | 'link target' | 'calls';
}

export interface Report {
  /**
   * `sound`: one whole trace. `empty`: no span to judge. `incomplete`: spans were refused when they were collected, so what seems to
   * be missing may be among them.
   */
  readonly verdict: 'sound' | 'broken' | 'incomplete' | 'empty';
  readonly traces: number;
  readonly services: readonly string[];
  readonly spans: number;
  readonly orphans: number;
  readonly findings: readonly Finding[];
  readonly graph: CausalGraph;
}

/** Spans that know what is missing among them: a collector is one. */
export interface Capture {
  spans(): Iterable<CollectedSpan>;
  /** How many spans came and were not kept. */
  rejected(): number;
  /** How many exports of spans came and were not taken. */
  refused(): number;
}

/**
 * Returns whether the spans are one whole trace, and if not, the boundaries at which it broke. A collector is judged with what it
 * refused.
 *
 * ```ts
 * const report = checkTrace(collector);
 * process.exitCode = report.verdict === 'sound' ? 0 : 1;
 * ```
 */
export function checkTrace(source: Capture | Iterable<CollectedSpan>): Report {
  const [spans, refusals] = 'rejected' in source ? [source.spans(), refusedOf(source)] : [source, []];
  const graph = buildCausalGraph(spans);
  const nodes = graph.traces.flatMap((trace) => trace.nodes);
  const findings: Finding[] =
    nodes.length === 0
      ? [{ code: 'no-spans', message: 'no span was collected' }, ...refusals]
      : [
          ...refusals,
          ...splitTraces(graph),
          ...missingParents(graph),
          ...parentLoops(graph),
          ...missingLinkTargets(graph, nodes),
          ...missingCalls(nodes),
        ];
  return {
    verdict:
      nodes.length === 0 ? 'empty' : refusals.length > 0 ? 'incomplete' : findings.length === 0 ? 'sound' : 'broken',
    traces: graph.traces.length,
    services: graph.services,
    spans: nodes.length,
    orphans: graph.traces.reduce((sum, trace) => sum + trace.orphans.length, 0),
    findings,
    graph,
  };
}

function refusedOf(capture: Capture): Finding[] {
  const parts = [count(capture.rejected(), 'span'), count(capture.refused(), 'export')].filter((part) => part !== '');
  return parts.length === 0
    ? []
    : [{ code: 'incomplete-capture', message: `${parts.join(' and ')} came and could not be kept` }];
}

function count(number: number, noun: string): string {
  return number === 0 ? '' : `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/**
 * One finding for the roots beside that of the main trace, grouped by what they say, and for an extra trace without a root. The main trace is the
 * largest of those that nobody can be seen to have sent for.
 */
function splitTraces({ traces }: CausalGraph): Finding[] {
  const senders = sendersOf(traces.flatMap((trace) => trace.nodes));
  const [main, ...others] = traces
    .map((trace) => ({ trace, isSentFor: isSentFor(trace, senders) }))
    .sort((a, b) => Number(a.isSentFor) - Number(b.isSentFor) || b.trace.nodes.length - a.trace.nodes.length)
    .map(({ trace }) => trace);
  if (main === undefined) return [];
  const rootless = others.filter((trace) => trace.roots.length === 0).flatMap((trace) => trace.nodes.slice(0, 1));
  const roots = [...main.roots.slice(1), ...others.flatMap((trace) => trace.roots)];
  return [
    ...groupedRoots(roots, senders).map(([{ span }, ...more]): Finding => {
      const sent = sendOf(span, senders);
      const boundary: FindingBoundary = {
        ...boundaryOf(isInboundEnd(span) || sent === undefined ? span : sent),
        ...(sent === undefined ? {} : { from: sent.service }),
        to: span.service,
        missing: 'context',
      };
      const over = boundary.transport === 'unknown' ? '' : ` over ${boundary.label}`;
      const sender = sent === undefined ? '' : `; ${printable(sent.service)} sent${over} and was not continued`;
      const count = more.length === 0 ? 'a root' : `${more.length + 1} roots`;
      return {
        code: 'split-trace',
        message: `${printable(span.service)} starts ${count} of its own: ${describe(span)} has no parent${sender}`,
        ...idsOf(span),
        boundary,
      };
    }),
    ...rootless.map(({ span }): Finding => ({
      code: 'split-trace',
      message: `${printable(span.service)} is in a trace of its own, ${printable(span.traceId)}, which has no root`,
      ...idsOf(span),
    })),
  ];
}

function isSentFor({ roots: [root] }: CausalTrace, senders: Senders): boolean {
  return root === undefined || sendOf(root.span, senders) !== undefined;
}

/**
 * The outbound ends that nobody in another service continued. Of those that say the same only the first is kept, and whether
 * there are others: a sender is named where one alone can have sent.
 */
interface Senders {
  /** By what both ends of a hop agree on. `undefined` where several services sent there. */
  readonly byPoint: ReadonlyMap<string, CollectedSpan | undefined>;
  /** Who sent messages, by service. `undefined` where a service sent to several places. */
  readonly producers: ReadonlyMap<string, CollectedSpan | undefined>;
}

function sendersOf(nodes: readonly CausalNode[]): Senders {
  const byPoint = new Map<string, CollectedSpan | undefined>();
  const producers = new Map<string, CollectedSpan | undefined>();
  for (const { span, children } of nodes) {
    if ((span.kind !== 'CLIENT' && span.kind !== 'PRODUCER') || children.some(isCrossing)) continue;
    const point = meetingPointOf(span);
    if (point === undefined) continue;
    if (!byPoint.has(point)) byPoint.set(point, span);
    else if (byPoint.get(point)?.service !== span.service) byPoint.set(point, undefined);
    if (span.kind !== 'PRODUCER') continue;
    const first = producers.get(span.service);
    if (!producers.has(span.service)) producers.set(span.service, span);
    else if (first !== undefined && meetingPointOf(first) !== point) producers.set(span.service, undefined);
  }
  return { byPoint, producers };
}

/** Roots that say the same: of one service, received over one boundary, or received over none that is seen. */
function groupedRoots(roots: readonly CausalNode[], senders: Senders): [CausalNode, ...CausalNode[]][] {
  return grouped(roots, ({ span }) => [
    span.service,
    isInboundEnd(span) ? boundaryOf(span).label : '',
    sendOf(span, senders)?.service,
  ]);
}

type Group = [CausalNode, ...CausalNode[]];

/** Nodes whose key has the same parts, in the order of the first of each group. */
function grouped(nodes: readonly CausalNode[], keyOf: (node: CausalNode) => readonly unknown[]): Group[] {
  // Parts are numbered, not joined: a service name of megabytes would be copied for each of its spans.
  const numbers = new Map<unknown, number>();
  const numberOf = (part: unknown): number => {
    const number = numbers.get(part) ?? numbers.size;
    numbers.set(part, number);
    return number;
  };
  const groups = new Map<string, Group>();
  for (const node of nodes) {
    const key = keyOf(node).map(numberOf).join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [node]);
    else group.push(node);
  }
  return [...groups.values()];
}

function isInboundEnd({ kind }: CollectedSpan): boolean {
  return kind === 'SERVER' || kind === 'CONSUMER';
}

/**
 * The send of the one service that can have sent what this root received; `undefined` where none or several can. A root that is
 * a call belongs to a service that does not trace what it receives: it may have received any unanswered message.
 */
function sendOf(root: CollectedSpan, { byPoint, producers }: Senders): CollectedSpan | undefined {
  if (isInboundEnd(root)) {
    const point = meetingPointOf(root);
    return point === undefined ? undefined : byPoint.get(point);
  }
  if (root.kind === 'INTERNAL' || producers.size > 2) return undefined;
  const [only, ...more] = [...producers].filter(([service]) => service !== root.service);
  return more.length === 0 ? only?.[1] : undefined;
}

/** One finding for each missing parent and service that names it. */
function missingParents({ traces }: CausalGraph): Finding[] {
  const orphans = traces.flatMap((trace) => trace.orphans);
  return grouped(orphans, ({ span }) => [span.traceId, span.parentSpanId, span.service]).map(([orphan, ...more]) => {
    const { span } = orphan;
    const received = isReceived(orphan);
    const boundary = boundaryOf(span);
    const over = received ? ` over ${boundary.label === 'unknown' ? 'an unknown transport' : boundary.label}` : '';
    const also = more.length === 0 ? '' : ` and ${more.length} more ${more.length === 1 ? 'span' : 'spans'}`;
    const why = received
      ? `received${over} a parent that nobody exported`
      : 'did not export the parent of its own spans';
    return {
      code: 'orphan',
      message: `${printable(span.service)} ${why}: ${describe(span)}${also} under ${printable(span.parentSpanId ?? '')}`,
      ...idsOf(span),
      ...(received ? { boundary: { ...boundary, to: span.service, missing: 'parent' } } : {}),
    };
  });
}

/** Whether the missing parent is on the other side of a boundary; the kind decides where the sender does not say. */
function isReceived(orphan: CausalNode): boolean {
  const { parentIsRemote, kind } = orphan.span;
  return isCrossing(orphan) || (parentIsRemote === undefined && (kind === 'SERVER' || kind === 'CONSUMER'));
}

function parentLoops({ traces }: CausalGraph): Finding[] {
  return traces
    .flatMap((trace) => trace.loops)
    .map(({ span }) => ({
      code: 'parent-loop',
      message: `the parents of ${describe(span)} in ${printable(span.service)} lead back to itself`,
      ...idsOf(span),
    }));
}

function missingLinkTargets(graph: CausalGraph, nodes: readonly CausalNode[]): Finding[] {
  const traceIds = new Set(graph.traces.map(({ traceId }) => traceId));
  return nodes.flatMap(({ span }) =>
    span.links
      .filter((link) => graph.find(link.traceId, link.spanId) === undefined)
      .map((link): Finding => {
        const target = traceIds.has(link.traceId)
          ? `span ${printable(link.spanId)}`
          : `span ${printable(link.spanId)} of trace ${printable(link.traceId)}`;
        return {
          code: 'missing-link-target',
          message: `${printable(span.service)} links to ${target}, which was not collected: ${describe(span)}`,
          ...idsOf(span),
          boundary: { ...boundaryOf(span), to: span.service, missing: 'link target' },
        };
      }),
  );
}

/** Compares what an inbound hop says it called with the calls that were exported. More of them than said is no finding. */
function missingCalls(nodes: readonly CausalNode[]): Finding[] {
  return nodes.flatMap((node): Finding[] => {
    const { span } = node;
    const made = span.attributes[THROUGHLINE_CALLS];
    if (typeof made !== 'number' || !Number.isInteger(made)) return [];
    const exported = countCalls(node);
    if (exported >= made) return [];
    return [
      {
        code: 'missing-calls',
        message: `${printable(span.service)}: ${made} ${made === 1 ? 'call' : 'calls'} made, ${exported} exported under ${describe(span)}`,
        ...idsOf(span),
        boundary: { ...boundaryOf(span), to: span.service, missing: 'calls' },
      },
    ];
  });
}

/** The outbound hops under an inbound one, down to the next boundary: what lies past that is another hop's to count. */
function countCalls(inbound: CausalNode): number {
  const open = [...inbound.children];
  let calls = 0;
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (isCrossing(node)) continue;
    if (isOutboundHop(node.span)) calls++;
    for (const child of node.children) open.push(child);
  }
  return calls;
}

function describe(span: CollectedSpan): string {
  return `${span.kind} ${printable(span.name)}`;
}

function idsOf({ traceId, spanId }: CollectedSpan): { traceId: string; spanId: string } {
  return { traceId, spanId };
}
