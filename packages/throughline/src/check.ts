import { checkChains } from '@throughline/verify';
import type { ChainFinding, ChainReport } from '@throughline/verify';
import { BROKEN, CANNOT_JUDGE, SOUND } from './exit-codes.ts';
import { annotations } from './formats/github.ts';
import { junit } from './formats/junit.ts';
import { text } from './formats/text.ts';
import { readSpans } from './read-spans.ts';
import type { Surroundings } from './surroundings.ts';

/** The options of `throughline check`. */
export interface CheckOptions {
  readonly services?: readonly string[];
  readonly expect: 'chains' | 'one-trace';
  readonly format: 'text' | 'json' | 'junit';
  readonly failOn: 'error' | 'warning';
}

/** Judges the spans of these files, writes the report, and returns the exit code. */
export async function check(
  files: readonly string[],
  options: CheckOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { stdout, stderr, env } = surroundings;
  const { spans, rejected, problems } = await readSpans(files, surroundings.stdin);
  for (const problem of problems) stderr.write(`throughline: ${problem}\n`);
  const report = checkChains(spans, { services: options.services, expect: options.expect });
  switch (options.format) {
    case 'json':
      stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
      break;
    case 'junit':
      stdout.write(junit(report));
      break;
    case 'text':
      stdout.write(text(report, stdout.isTTY === true && env['NO_COLOR'] === undefined));
      // On another format they would be in its way.
      if (env['GITHUB_ACTIONS'] === 'true') stdout.write(annotations(report));
  }
  if (rejected > 0) stderr.write(`throughline: ${rejected} spans without valid ids or times were left out\n`);
  return problems.length > 0 ? CANNOT_JUDGE : exitCodeOf(report, options.failOn);
}

function exitCodeOf({ verdict, findings }: ChainReport, failOn: ChainFinding['severity']): number {
  if (verdict === 'empty' || verdict === 'incomplete') return CANNOT_JUDGE;
  return verdict === 'broken' || (failOn === 'warning' && findings.length > 0) ? BROKEN : SOUND;
}
