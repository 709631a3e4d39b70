import type { ChainFinding, ChainReport } from '@throughline/verify';
import { renderTree } from '@throughline/verify';
import { BROKEN, CANNOT_JUDGE, SOUND } from './exit-codes.ts';
import { annotations } from './formats/github.ts';
import { inertJson, inertText, inertXml } from './formats/inert.ts';
import { junit } from './formats/junit.ts';
import { sarif } from './formats/sarif.ts';
import { text } from './formats/text.ts';
import type { Surroundings } from './surroundings.ts';
import { version } from './version.ts';

/** What every command that judges takes. */
export interface ReportOptions {
  readonly services?: readonly string[];
  readonly expect: 'chains' | 'one-trace';
  /** Milliseconds that spans may be on their way. */
  readonly settleMs?: number;
  /** The file of a contract. */
  readonly contract?: string;
  /** The file that gets the contract which this run fulfils. */
  readonly writeContract?: string;
  readonly format: 'text' | 'json' | 'junit' | 'sarif';
  readonly failOn: ChainFinding['severity'];
  /** Whether text has the trees, with the break where it is. */
  readonly tree?: boolean;
}

/** Writes what was judged, in the format that was asked for. */
export function report(judged: ChainReport, { format, tree }: ReportOptions, { stdout, env }: Surroundings): void {
  const isColoured = stdout.isTTY === true && env['NO_COLOR'] === undefined;
  switch (format) {
    case 'json':
      stdout.write(inertJson(`${JSON.stringify(judged, undefined, 2)}\n`));
      break;
    case 'junit':
      stdout.write(inertXml(junit(judged)));
      break;
    case 'sarif':
      stdout.write(inertJson(sarif(judged, process.cwd(), version)));
      break;
    case 'text':
      if (tree === true && judged.trees.length > 0) {
        stdout.write(inertText(`${renderTree(judged, { color: isColoured })}\n\n`));
      }
      stdout.write(inertText(text(judged, isColoured)));
      // In another format they would be in its way.
      if (env['GITHUB_ACTIONS'] === 'true') stdout.write(inertText(annotations(judged)));
  }
}

/** Returns the exit code for what was judged. */
export function exitCodeOf({ verdict, findings }: ChainReport, failOn: ChainFinding['severity']): number {
  if (verdict === 'empty' || verdict === 'incomplete') return CANNOT_JUDGE;
  return verdict === 'broken' || (failOn === 'warning' && findings.length > 0) ? BROKEN : SOUND;
}
