/** One comparison. */
export interface Result {
  readonly what: string;
  readonly opponent: string;
  /** Microseconds of CPU for each operation, ours and theirs. */
  readonly ours: number;
  readonly theirs: number;
  /** The most that `ours / theirs` may be; none where a row is there to inform. */
  readonly target?: number | undefined;
}

/** What one benchmark found. */
export interface Report {
  readonly title: string;
  /** What was done, how often, and what the numbers count. */
  readonly method: string;
  readonly results: readonly Result[];
  /** What the bare operation costs and how many spans each variant made, in words. */
  readonly notes: readonly string[];
}

/** Whether a result is within its target; `undefined` where it has none. */
export function met({ ours, theirs, target }: Result): boolean | undefined {
  return target === undefined ? undefined : ours <= theirs * target;
}

/** Returns a report as a section of Markdown. */
export function render({ title, method, results, notes }: Report): string {
  const rows = results.map((result) => {
    const { what, opponent, ours, theirs, target } = result;
    const verdict = met(result);
    return `| ${what} | ${opponent} | ${micros(ours)} | ${micros(theirs)} | ${ratio(ours / theirs)} | ${target === undefined ? '–' : `≤ ${ratio(target)}`} | ${verdict === undefined ? '–' : verdict ? 'met' : '**missed**'} |`;
  });
  return [
    `## ${title}`,
    '',
    method,
    '',
    '| what | opponent | ours, µs | theirs, µs | ratio | target | |',
    '|---|---|--:|--:|--:|--:|---|',
    ...rows,
    '',
    ...notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

function micros(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(1);
}

function ratio(value: number): string {
  return value.toFixed(2);
}
