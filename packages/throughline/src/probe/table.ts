import { styleText } from 'node:util';
import { printable } from '@throughline/verify';
import type { Row } from './judging/row.ts';
import type { ProbeReport } from './probe-report.ts';

const MARKS = { ok: ['✓', 'green'], warning: ['!', 'yellow'], fail: ['✗', 'red'], unknown: ['?', 'dim'] } as const;

/** Returns the report as a table for people: what was sent, what the target did with it, and by what that is known. */
export function table({ target, rows, notes, counts }: ProbeReport, isColoured: boolean): string {
  const paint = (format: 'green' | 'yellow' | 'red' | 'dim', words: string): string =>
    isColoured ? styleText(format, words, { validateStream: false }) : words;
  const width = (of: (row: Row) => string): number => Math.max(...rows.map((row) => of(row).length));
  const by = (row: Row): string => (row.evidence.length === 0 ? '–' : row.evidence.join(', '));
  const [cases, outcomes, evidence] = [width((row) => row.case), width((row) => row.outcome), width(by)];
  const told = new Set<string>();
  const lines = rows.flatMap((row) => {
    const [mark, colour] = MARKS[row.level];
    // The same cause is told once.
    const details = row.details.filter((words) => !told.has(`${row.level} ${words}`));
    for (const words of details) told.add(`${row.level} ${words}`);
    return [
      `${paint(colour, `${mark} ${row.case.padEnd(cases)}  ${row.outcome.padEnd(outcomes)}`)}  ${by(row).padEnd(evidence)}  ${paint('dim', row.about)}`,
      ...details.map((words) => `    ${printable(words)}`),
    ];
  });
  const sum = (['fail', 'warning', 'ok', 'unknown'] as const)
    .filter((level) => counts[level] > 0)
    .map((level) => `${counts[level]} ${level}`)
    .join(', ');
  const worst = counts.fail > 0 ? 'red' : counts.warning > 0 ? 'yellow' : 'green';
  return `${[printable(target), ...lines, ...notes.map((note) => `note: ${printable(note)}`), paint(worst, sum)].join('\n')}\n`;
}
