import type { ContractRow } from './contracts.ts';

/** The versions of a peer that the tests have. */
export interface PeerVersions {
  readonly adapter: string;
  readonly peer: string;
  readonly range: string;
  readonly oldest: readonly string[];
  readonly newest: readonly string[];
}

/** Returns the page: what each adapter is tested with, and how the contract came out. */
export function matrixPage(rows: readonly ContractRow[], peers: readonly PeerVersions[]): string {
  const groups = new Map<string, ContractRow[]>();
  for (const row of rows) {
    const key = `${row.adapter}\n${row.harness}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const lines = [...groups.values()]
    .map((group) => {
      const { adapter, harness } = group[0] as ContractRow;
      const ends = (['outbound', 'inbound', 'objects', 'functions'] as const).filter((part) =>
        group.some((row) => row.part === part),
      );
      const on = (project: string): string => {
        const of = group.filter((row) => row.project === project);
        if (of.length === 0) return '–';
        return of.some((row) => row.failed > 0) ? '**fails**' : 'passes';
      };
      const cannot = [...new Set(group.flatMap((row) => row.cannot))].toSorted().join('; ');
      return cells(adapter, harness, ends.join(', '), on('sdk3'), on('oldest'), cannot);
    })
    .toSorted();
  return `# Compatibility matrix

Made by \`pnpm matrix\` from what a whole run of the tests did; CI fails where this page says something else. The rules are those of
\`adapterContract\` in \`@throughline/core/testing\`, some 100 for an adapter with both ends, on the real library and, where there is one, the
real server.

## Versions

Newest: what the whole suite runs on, with OpenTelemetry SDK 3. Oldest: the first of the range, with SDK 2.0.

| adapter | peer | range | oldest | newest |
|---|---|---|---|---|
${peers.map(({ adapter, peer, range, oldest, newest }) => cells(adapter, `\`${peer}\``, range.replaceAll('||', 'or'), oldest.join(', '), newest.join(', '))).join('\n')}

## The contract

| adapter | what is wrapped | ends | newest | oldest | what its transport cannot do |
|---|---|---|---|---|---|
${lines.join('\n')}
`;
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.map((text) => (text === '' ? '–' : text.replaceAll('|', '\\|'))).join(' | ')} |`;
}
