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
function met({ ours, theirs, target }: Result): boolean | undefined {
  return target === undefined ? undefined : ours <= theirs * target;
}

/** Returns a report as a section of Markdown. `ran`: when and on what. */
export function render({ title, method, results, notes }: Report, ran: string): string {
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
    `- ${ran}`,
    '',
  ].join('\n');
}

/** Returns the page of results with this section in the place of the one of the same title, or at its end. */
export function withSection(page: string, section: string): string {
  const [, ...sections] = page.split(/^(?=## )/m);
  const [title = ''] = section.split('\n', 1);
  const at = sections.findIndex((there) => there.startsWith(`${title}\n`));
  if (at === -1) sections.push(section);
  else sections[at] = section;
  const body = sections.map((one) => one.trimEnd()).join('\n\n');
  const targets = body.match(/ \| (?:met|\*\*missed\*\*) \|$/gm) ?? [];
  const kept = targets.filter((verdict) => verdict.includes('| met |')).length;
  return `# Results\n\n${kept} of ${targets.length} targets met.\n\n${INTRODUCTION}\n\n${body}\n`;
}

const INTRODUCTION =
  "`pnpm bench` runs all sections and puts each into its place here; `pnpm bench mcp-stdio` runs one. Every ratio is ours to the opponent's, measured in one run of its section: CPU time (user and system) by `process.cpuUsage`, one process for each variant where a section does not say otherwise, the variants in turns once V8 is done with compiling them, medians over rounds. Where a bare cost is given, both numbers are what is added to it. All variants run on OpenTelemetry SDK 3, everything sampled where a row does not say otherwise, `BatchSpanProcessor` with an exporter that drops. Rows without a target inform.";

function micros(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(1);
}

function ratio(value: number): string {
  return value.toFixed(2);
}
