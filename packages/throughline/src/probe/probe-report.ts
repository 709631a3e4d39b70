import type { Level, Row } from './judging/row.ts';

/** What a probe found: `--json` writes it. */
export interface ProbeReport {
  readonly target: string;
  readonly kind: 'http' | 'mcp' | 'a2a';
  readonly publicEdge: boolean;
  readonly rows: readonly Row[];
  /** What kept the probe from seeing more. */
  readonly notes: readonly string[];
  readonly counts: Readonly<Record<Level | 'unknown', number>>;
}

export function countsOf(rows: readonly Row[]): ProbeReport['counts'] {
  const counts = { ok: 0, warning: 0, fail: 0, unknown: 0 };
  for (const { level } of rows) counts[level]++;
  return counts;
}
