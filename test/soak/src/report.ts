import { bounds } from './bounds.ts';

/** What was seen of one scenario. */
export interface Report {
  readonly name: string;
  readonly unit: string;
  readonly done: number;
  readonly seconds: number;
  readonly tallies: Readonly<Record<string, number>>;
  /** Bytes of heap in use after a collection, in the order of time. */
  readonly heap: readonly number[];
  readonly spans: number;
  readonly openSpans: number;
  readonly crossings: Found;
  readonly differences: Found;
  readonly unhandled: Found;
  /** Why it ended before it was done. */
  readonly broke?: string | undefined;
}

/** How many there were, and what the first few said. */
export interface Found {
  readonly count: number;
  readonly first: readonly string[];
}

/** Returns the bounds that were broken, each as a sentence; none where all is well. */
export function faultsOf(report: Report): string[] {
  const faults: string[] = [];
  const heap = heapOf(report);
  if (report.broke !== undefined) faults.push(report.broke);
  else if (heap === undefined) faults.push('the heap was measured too seldom to judge it');
  else if (heap.last - heap.first > bounds.heapGrowth)
    faults.push(
      `the heap grew by ${megabytes(heap.last - heap.first)} MB, which is more than ${megabytes(bounds.heapGrowth)}`,
    );
  if (report.spans === 0) faults.push('no span was seen at all');
  if (report.openSpans !== 0) faults.push(`${report.openSpans} spans never ended`);
  for (const what of ['crossings', 'differences', 'unhandled'] as const) {
    const { count, first } = report[what];
    if (count > 0) faults.push(`${count} ${sentence[what]}, such as: ${first.join('; ')}`);
  }
  return faults;
}

const sentence = {
  crossings: 'times a context or a span was in a chain that is not its own',
  differences: 'times something came out otherwise than without us',
  unhandled: 'rejections that nobody handled',
};

/** Returns what is printed of a scenario. */
export function lineOf(report: Report): string {
  const done = [`${number(report.done)} ${report.unit}`];
  for (const [what, count] of Object.entries(report.tallies)) done.push(`${number(count)} ${what}`);
  const heap = heapOf(report);
  return [
    `${report.name}: ${done.join(', ')}`,
    `heap ${heap === undefined ? 'unknown' : `${megabytes(heap.first)} → ${megabytes(heap.last)} MB`}`,
    `open spans ${number(report.openSpans)} of ${number(report.spans)}`,
    `crossings ${number(report.crossings.count)}`,
    `${Math.round(report.seconds)} s`,
  ].join(' · ');
}

/** Returns the median heap of the first third of the settled run and of the last. */
function heapOf({ heap }: Report): { first: number; last: number } | undefined {
  if (heap.length < bounds.heapMeasurements) return undefined;
  const settled = heap.slice(Math.floor(heap.length * bounds.settling));
  const third = Math.floor(settled.length / 3);
  return { first: median(settled.slice(0, third)), last: median(settled.slice(-third)) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

const number = (count: number): string => count.toLocaleString('en-US');
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
