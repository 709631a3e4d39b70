import { ChainChecker } from '@throughline/verify';
import type { ChainReport } from '@throughline/verify';
import { CANNOT_JUDGE } from './exit-codes.ts';
import { judge } from './judge.ts';
import { progress } from './progress.ts';
import { readCaptures } from './read-captures.ts';
import type { Unread } from './read-captures.ts';
import { readJaeger } from './read-jaeger.ts';
import type { JaegerQuery } from './read-jaeger.ts';
import { exitCodeOf, report } from './report.ts';
import type { ReportOptions } from './report.ts';
import type { Surroundings } from './surroundings.ts';

/** Where the spans come from. */
export type CheckSource = { readonly files: readonly string[] } | { readonly jaeger: JaegerQuery };

/** Judges the spans of a source, writes the report, and returns the exit code. */
export async function check(source: CheckSource, options: ReportOptions, surroundings: Surroundings): Promise<number> {
  const { stderr } = surroundings;
  const { judged, problems } = await judgedFrom(source, options, surroundings);
  for (const problem of problems) stderr.write(`throughline: ${problem}\n`);
  report(judged, options, surroundings);
  return problems.length > 0 ? CANNOT_JUDGE : exitCodeOf(judged, options.failOn);
}

async function judgedFrom(
  source: CheckSource,
  options: ReportOptions,
  surroundings: Surroundings,
): Promise<Unread & { readonly judged: ChainReport }> {
  const checker = new ChainChecker();
  const { tell, end } = progress(surroundings);
  try {
    const unread = await ('jaeger' in source
      ? readJaeger(checker, source.jaeger, tell)
      : readCaptures(checker, source.files, surroundings.stdin, tell));
    tell('judges what it has read');
    return { ...unread, judged: await judge((judging) => checker.report(judging), options) };
  } finally {
    end();
  }
}
