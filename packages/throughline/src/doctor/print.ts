import { counted } from '../counted.ts';
import { styleText } from 'node:util';
import { printable } from '@throughline/verify';
import type { Diagnosis } from './diagnose.ts';
import { listed } from './finding.ts';
import type { Finding, Status } from './finding.ts';

const MARK: Readonly<Record<Status, string>> = { ok: '✓', warning: '!', error: '✗' };
const COLOUR = { ok: 'green', warning: 'yellow', error: 'red' } as const;

/** Returns the diagnosis for a person: what is ill last, before one line that sums up. */
export function text({ findings, members, source }: Diagnosis, isColoured: boolean): string {
  const paint = (format: 'green' | 'yellow' | 'red' | 'dim', words: string): string =>
    isColoured ? styleText(format, words, { validateStream: false }) : words;
  const of = (status: Status): Finding[] => findings.filter((finding) => finding.status === status);
  const line = ({ status, message, fix, members: told }: Finding): string[] => [
    `${paint(COLOUR[status], MARK[status])} ${safe(message)}${told === undefined ? '' : paint('dim', ` (${safe(listed(told))})`)}`,
    ...(fix === undefined ? [] : [`  ${paint('dim', '→')} ${safe(fix)}`]),
  ];
  const [fine, doubtful, ill] = [of('ok'), of('warning'), of('error')];
  const isOne = members.length === 1;
  const lines = [
    // In a workspace, what is fine would hide what is not.
    ...(isOne
      ? fine.flatMap(line)
      : fine.length === 0
        ? []
        : [
            `${paint('green', MARK.ok)} ${counted(fine.length, 'check')} of ${counted(members.length, 'package')} found nothing`,
          ]),
    ...doubtful.flatMap(line),
    ...ill.flatMap(line),
  ];
  const verdict =
    ill.length > 0
      ? paint('red', `${counted(ill.length, 'error')} and ${counted(doubtful.length, 'warning')}: tracing is broken`)
      : doubtful.length > 0
        ? paint('yellow', `${counted(doubtful.length, 'warning')}, no error`)
        : paint('green', 'healthy');
  return `${[...lines, `${verdict} (versions read from ${source})`].join('\n')}\n`;
}

/** Names and versions come from outside. A sentence may be longer than what is shown of one. */
function safe(words: string): string {
  return words.split(' ').map(printable).join(' ');
}
