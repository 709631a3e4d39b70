import { CANNOT_JUDGE } from './exit-codes.ts';
import { judge } from './judge.ts';
import { progress } from './progress.ts';
import { readJaeger } from './read-jaeger.ts';
import type { JaegerQuery } from './read-jaeger.ts';
import { readSpans } from './read-spans.ts';
import { exitCodeOf, report } from './report.ts';
import type { ReportOptions } from './report.ts';
import type { Surroundings } from './surroundings.ts';

/** Where the spans come from. */
export type CheckSource = { readonly files: readonly string[] } | { readonly jaeger: JaegerQuery };

/** Judges the spans of a source, writes the report, and returns the exit code. */
export async function check(source: CheckSource, options: ReportOptions, surroundings: Surroundings): Promise<number> {
  const { stderr, stdin } = surroundings;
  const { tell, end } = progress(surroundings);
  const { spans, rejected, problems } = await (
    'jaeger' in source
      ? readJaeger(source.jaeger, (what) => tell(`asks Jaeger for ${what}`))
      : readSpans(source.files, stdin, tell)
  ).finally(end);
  for (const problem of problems) stderr.write(`throughline: ${problem}\n`);
  const judged = await judge(spans, options);
  report(judged, spans, options, surroundings);
  if (rejected > 0) stderr.write(`throughline: ${rejected} spans without valid ids or times were left out\n`);
  return problems.length > 0 ? CANNOT_JUDGE : exitCodeOf(judged, options.failOn);
}
