import { boundaryOf } from './boundary.ts';
import { type CausalGraph, type CausalNode, type CausalTrace, buildCausalGraph, isCrossing } from './causal-graph.ts';
import type { Report } from './check-trace.ts';
import { ERROR_TYPE } from './conventions.ts';
import { printable } from './printable.ts';
import type { CollectedSpan } from './span.ts';

export interface RenderTreeOptions {
  /** ANSI colours; off by default. */
  readonly color?: boolean;
}

/**
 * Returns the causal tree as text, without a newline at its end: a line for each span with its service, kind, name and
 * duration, and an arrow that names the boundary on each span that came over one. Siblings are in the order in which
 * they started.
 *
 * ```
 * trace 0af7651916cd43dd8448eb211c80319c
 * gateway  SERVER POST /questions  120 ms
 * └─ gateway  CLIENT POST  110 ms
 *    └── http ──▶ planner  SERVER POST /plan  95 ms
 * ```
 */
export function renderTree(source: Report | Iterable<CollectedSpan>, options: RenderTreeOptions = {}): string {
  const graph: CausalGraph = 'graph' in source ? source.graph : buildCausalGraph(source);
  const paint = options.color === true ? ansi : plain;
  return graph.traces.map((trace) => renderTrace(trace, paint)).join('\n\n');
}

type Tone = 'service' | 'boundary' | 'quiet' | 'error';
type Paint = (text: string, tone: Tone) => string;

const CODES: Readonly<Record<Tone, string>> = { service: '36', boundary: '33', quiet: '2', error: '31' };
const ansi: Paint = (text, tone) => `\u001b[${CODES[tone]}m${text}\u001b[0m`;
const plain: Paint = (text) => text;

/** Deeper spans keep this indentation and say their depth: each line would otherwise be longer than the last. */
const MAX_INDENT = 40;

interface Row {
  readonly node: CausalNode;
  readonly depth: number;
  /** What stands under the parent's own connector. */
  readonly guide: string;
  readonly isLast: boolean;
}

function renderTrace(trace: CausalTrace, paint: Paint): string {
  const loops = new Set(trace.loops);
  const tops = trace.nodes.filter((node) => node.parent === undefined);
  const lines = [paint(`trace ${printable(trace.traceId)}`, 'quiet')];
  const open: Row[] = tops.map((node) => ({ node, depth: 0, guide: '', isLast: true })).reverse();
  for (let row = open.pop(); row !== undefined; row = open.pop()) {
    const { node, depth, guide, isLast } = row;
    lines.push(connector(row, paint) + renderSpan(node, loops, paint));
    const childGuide = depth === 0 || depth > MAX_INDENT ? guide : guide + (isLast ? '   ' : '│  ');
    const last = node.children.length - 1;
    for (let index = last; index >= 0; index--) {
      const child = node.children[index];
      if (child !== undefined) open.push({ node: child, depth: depth + 1, guide: childGuide, isLast: index === last });
    }
  }
  return lines.join('\n');
}

function connector({ node, depth, guide, isLast }: Row, paint: Paint): string {
  const branch = depth === 0 ? '' : isLast ? '└─' : '├─';
  const level = depth > MAX_INDENT ? `[${depth}] ` : '';
  if (!isCrossing(node)) return paint(guide + branch, 'quiet') + (depth === 0 ? '' : ' ') + paint(level, 'quiet');
  const { label } = boundaryOf(node.span, node.parent?.span);
  const arrow = `${depth === 0 ? '──' : '─'} ${label} ──▶ `;
  return paint(guide + branch, 'quiet') + paint(arrow, 'boundary') + paint(level, 'quiet');
}

function renderSpan(node: CausalNode, loops: ReadonlySet<CausalNode>, paint: Paint): string {
  const { span } = node;
  const name = span.name === '' ? '' : ` ${printable(span.name)}`;
  const duration = paint(formatDuration(span.endTimeUnixNano - span.startTimeUnixNano), 'quiet');
  const notes = [...errorNote(span), ...placeNote(node, loops)].map((note) => `  ${paint(note, 'error')}`);
  return `${paint(printable(span.service), 'service')}  ${span.kind}${name}  ${duration}${notes.join('')}`;
}

function errorNote(span: CollectedSpan): string[] {
  if (span.status.code !== 'ERROR') return [];
  const type = span.attributes[ERROR_TYPE];
  const why = typeof type === 'string' ? type : span.status.message;
  return [why === undefined ? 'ERROR' : `ERROR ${printable(why)}`];
}

/** Says why a span without a parent in the tree is not its root. */
function placeNote(node: CausalNode, loops: ReadonlySet<CausalNode>): string[] {
  const { span, parent } = node;
  if (parent !== undefined || span.parentSpanId === undefined) return [];
  if (loops.has(node)) return ['(its parents lead back to itself)'];
  return [`(parent ${printable(span.parentSpanId)} is missing)`];
}

function formatDuration(nanoseconds: bigint): string {
  const ns = Number(nanoseconds);
  const size = Math.abs(ns);
  if (size < 1e3) return `${ns} ns`;
  if (size < 1e6) return `${round(ns / 1e3)} µs`;
  return size < 1e9 ? `${round(ns / 1e6)} ms` : `${Number((ns / 1e9).toFixed(2))} s`;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
