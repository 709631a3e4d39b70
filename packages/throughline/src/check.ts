import { ChainChecker } from '@throughline/verify';
import { CANNOT_JUDGE } from './exit-codes.ts';
import { judge } from './judge.ts';
import { readCaptures } from './read-captures.ts';
import { exitCodeOf, report } from './report.ts';
import type { ReportOptions } from './report.ts';
import type { Surroundings } from './surroundings.ts';

/** Judges the spans of these files, writes the report, and returns the exit code. */
export async function check(
  files: readonly string[],
  options: ReportOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { stderr, stdin } = surroundings;
  const checker = new ChainChecker();
  const { problems } = await readCaptures(checker, files, stdin);
  for (const problem of problems) stderr.write(`throughline: ${problem}\n`);
  const judged = await judge((judging) => checker.report(judging), options);
  report(judged, options, surroundings);
  return problems.length > 0 ? CANNOT_JUDGE : exitCodeOf(judged, options.failOn);
}
