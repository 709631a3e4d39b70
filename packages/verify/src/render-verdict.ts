import type { Report } from './check-trace.ts';

/**
 * Returns the verdict as text, without a newline at its end: one line of counts, then one for each finding.
 *
 * ```
 * broken: 2 traces, 3 services, 14 spans, 0 orphans
 * - split-trace: analyst starts a root of its own: CONSUMER process tasks has no parent
 * ```
 */
export function renderVerdict(report: Report): string {
  const { verdict, traces, services, spans, orphans, findings } = report;
  const counts = [
    count(traces, 'trace'),
    count(services.length, 'service'),
    count(spans, 'span'),
    count(orphans, 'orphan'),
  ];
  return [`${verdict}: ${counts.join(', ')}`, ...findings.map(({ code, message }) => `- ${code}: ${message}`)].join(
    '\n',
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
