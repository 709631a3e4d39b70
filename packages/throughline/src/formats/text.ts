import { styleText } from 'node:util';
import type { ChainReport } from '@throughline/verify';
import { counted } from '../counted.ts';
import { findingPage } from './finding-page.ts';
import { summaryOf } from './summary.ts';

/** Returns the report for a person. */
export function text(report: ChainReport, isColoured: boolean): string {
  const paint = (format: 'red' | 'yellow' | 'green' | 'dim', words: string): string =>
    isColoured ? styleText(format, words, { validateStream: false }) : words;
  const { verdict, findings, chains, traces, services, spans } = report;
  const lines = findings.map(({ code, severity, message }) => {
    const mark = severity === 'error' ? paint('red', '✗') : paint('yellow', '!');
    return `${mark} ${message}\n  ${paint('dim', `${code}: ${findingPage(code)}`)}`;
  });
  const sum = [
    counted(chains, 'chain'),
    counted(traces, 'trace'),
    counted(services.length, 'service'),
    counted(spans, 'span'),
  ];
  const said =
    verdict === 'empty'
      ? 'empty: there are no spans to judge. Look that exporters flush before the process ends'
      : `${verdict}: ${sum.join(', ')}`;
  const summary = summaryOf(report).map((line) => paint('dim', `  ${line}`));
  return `${[...lines, paint(verdict === 'sound' ? 'green' : 'red', said), ...summary].join('\n')}\n`;
}
