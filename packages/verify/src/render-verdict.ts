import type { ChainReport } from './chains/check-chains.ts';
import { counted } from './chains/words.ts';
import { renderUsage } from './render-usage.ts';

/**
 * Returns the verdict as text, without a newline at its end: one line of counts, one for each finding, and one for each
 * agent whose models took tokens.
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
  const found = findings.map(({ code, message }) => `- ${code}: ${message}`);
  return [`${verdict}: ${counts.join(', ')}`, ...found, ...renderUsage(report)].join('\n');
}
