import { checkChains } from './chains/check-chains.ts';
import type { ChainReport } from './chains/check-chains.ts';
import type { ChainTree, TreeRow } from './chains/trees.ts';
import { printable } from './printable.ts';
import type { CollectedSpan } from './span.ts';

export interface RenderTreeOptions {
  /** ANSI colours; off by default. */
  readonly color?: boolean;
}

/**
 * Returns the causal trees of a report as text, without a newline at their end: a line for each span with its service, kind, name and
 * duration, and an arrow that names the boundary on each span that came over one. Siblings are in the order in which they started. Where
 * a chain is broken the arrow is too: what was lost stands below who sent to it. Of spans alone, all are drawn.
 *
 * ```
 * trace 0af7651916cd43dd8448eb211c80319c
 * gateway  SERVER POST /questions  120 ms
 * └─ gateway  CLIENT POST  110 ms
 *    └── http ──▶ planner  SERVER POST /plan  95 ms
 *       └─ planner  PRODUCER send tasks  2 ms
 *          └── kafka tasks ─╳▶ analyst  CONSUMER process tasks  80 ms  lost-context
 * ```
 */
export function renderTree(
  source: Pick<ChainReport, 'trees'> | Iterable<CollectedSpan>,
  options: RenderTreeOptions = {},
): string {
  const { trees } = 'trees' in source ? source : checkChains(source, { maxTreeSpans: Infinity });
  const paint = options.color === true ? ansi : plain;
  return trees.map((tree) => renderTrace(tree, paint)).join('\n\n');
}

type Tone = 'service' | 'boundary' | 'quiet' | 'error';
type Paint = (text: string, tone: Tone) => string;

const CODES: Readonly<Record<Tone, string>> = { service: '36', boundary: '33', quiet: '2', error: '31' };
const ansi: Paint = (text, tone) => `\u001b[${CODES[tone]}m${text}\u001b[0m`;
const plain: Paint = (text) => text;

/** Deeper spans keep this indentation and say their depth: each line would otherwise be longer than the last. */
const MAX_INDENT = 40;

function renderTrace({ traceId, rows }: ChainTree, paint: Paint): string {
  const isLast = lastOnes(rows);
  // What stands under the connector of each row above.
  const guides: string[] = [];
  const lines = rows.map((row, nth) => {
    const { depth } = row;
    const guide = guides[depth] ?? '';
    guides[depth + 1] = depth === 0 || depth > MAX_INDENT ? guide : guide + (isLast[nth] === true ? '   ' : '│  ');
    return connector(row, guide, isLast[nth] === true, paint) + renderSpan(row, paint);
  });
  return [paint(`trace ${printable(traceId)}`, 'quiet'), ...lines].join('\n');
}

/** Which rows have no sibling after them. */
function lastOnes(rows: readonly TreeRow[]): readonly boolean[] {
  const isLast: boolean[] = [];
  // Whether a row of each depth was seen since the last one that is less deep.
  const seen: boolean[] = [];
  for (let nth = rows.length - 1; nth >= 0; nth--) {
    const depth = rows[nth]?.depth ?? 0;
    isLast[nth] = seen[depth] !== true;
    seen.length = depth;
    seen[depth] = true;
  }
  return isLast;
}

function connector({ depth, over, broken }: TreeRow, guide: string, isLast: boolean, paint: Paint): string {
  const branch = depth === 0 ? '' : isLast ? '└─' : '├─';
  const level = depth > MAX_INDENT ? `[${depth}] ` : '';
  if (over === undefined) return paint(guide + branch, 'quiet') + (depth === 0 ? '' : ' ') + paint(level, 'quiet');
  const head = broken === undefined ? '──▶' : '─╳▶';
  const arrow = `${depth === 0 ? '──' : '─'} ${printable(over)} ${head} `;
  return (
    paint(guide + branch, 'quiet') + paint(arrow, broken === undefined ? 'boundary' : 'error') + paint(level, 'quiet')
  );
}

function renderSpan(row: TreeRow, paint: Paint): string {
  const name = row.name === '' ? '' : ` ${printable(row.name)}`;
  const duration = paint(formatDuration(row.duration), 'quiet');
  const notes = [...errorNote(row), ...placeNote(row)].map((note) => `  ${paint(note, 'error')}`);
  const seen =
    row.notes === undefined ? '' : `  ${paint(`(${row.notes.map((note) => printable(note)).join(', ')})`, 'quiet')}`;
  return `${paint(printable(row.service), 'service')}  ${row.kind}${name}  ${duration}${seen}${notes.join('')}`;
}

function errorNote({ error }: TreeRow): string[] {
  return error === undefined ? [] : [error === '' ? 'ERROR' : `ERROR ${printable(error)}`];
}

/** Where a parent is that does not stand above. */
const places: Readonly<Record<string, string>> = { '': 'elsewhere', 'parent-loop': 'below it' };

/** Says what is broken at a span, and why one without a parent in the tree is not its root. */
function placeNote({ broken, missingParent, traceId }: TreeRow): string[] {
  const why =
    missingParent === undefined ? undefined : `(parent ${missingParent} is ${places[broken ?? ''] ?? 'missing'})`;
  // What is below it is of the same trace.
  const other = traceId === undefined || broken === undefined ? undefined : `(trace ${traceId})`;
  return [broken, why, other].filter((note) => note !== undefined);
}

function formatDuration(milliseconds: number): string {
  const size = Math.abs(milliseconds);
  if (size < 1e-3) return `${Math.round(milliseconds * 1e6)} ns`;
  if (size < 1) return `${round(milliseconds * 1e3)} µs`;
  return size < 1e3 ? `${round(milliseconds)} ms` : `${Number((milliseconds / 1e3).toFixed(2))} s`;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
