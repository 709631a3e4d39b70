import type { ChainReport } from './chains/check-chains.ts';
import { counted } from './chains/words.ts';

/**
 * Returns the verdict as text, without a newline at its end: one line of counts, then one for each finding.
 *
 * ```
 * broken: 2 chains, 2 traces, 3 services, 14 spans
 * - lost-context: planner → analyst over kafka tasks: analyst started a root 38 ms after planner sent to it, …
 * ```
 */
export function renderVerdict(report: Omit<ChainReport, 'trees' | 'hops'>): string {
  const { verdict, chains, traces, services, spans, findings } = report;
  const counts = [
    counted(chains, 'chain'),
    counted(traces, 'trace'),
    counted(services.length, 'service'),
    counted(spans, 'span'),
  ];
  return [`${verdict}: ${counts.join(', ')}`, ...findings.map(({ code, message }) => `- ${code}: ${message}`)].join(
    '\n',
  );
}
