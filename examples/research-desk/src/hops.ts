import type { Report } from '@throughline/verify';

/** What every question crosses: who sends, who receives, over what. */
const EXPECTED: readonly (readonly [from: string, to: string, transport: string])[] = [
  ['gateway', 'planner', 'http'],
  ['planner', 'analyst', 'kafka'],
  ['analyst', 'library', 'mcp'],
  ['analyst', 'reader', 'mcp'],
  ['analyst', 'planner', 'kafka'],
];

/** A sentence for every boundary that no trace crosses: whole traces of a part of the system are not enough. */
export function missingHops({ graph }: Report): string[] {
  const crossed = new Set(
    graph.hops.map(({ from, to, boundary }) => hop(from.span.service, to.span.service, boundary.transport)),
  );
  return EXPECTED.map(([from, to, transport]) => hop(from, to, transport)).filter((name) => !crossed.has(name));
}

function hop(from: string, to: string, transport: string): string {
  return `${from} ─ ${transport} ──▶ ${to}`;
}
