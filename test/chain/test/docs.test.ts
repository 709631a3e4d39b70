import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);
const workspace = join(import.meta.dirname, '../../..');
const programs = globSync('examples/snippets/{docs,findings}/*.ts', { cwd: workspace })
  .filter((file) => !file.endsWith('/server.ts') && !file.endsWith('/system.ts') && !file.endsWith('/by-hand.ts'))
  .sort();
// TRUST.md shows options alone, which trust.test.ts holds; ADAPTERS.md has its own test in examples/own-adapter, and FRAMEWORKS.md in
// examples/stand-ins.
const heldElsewhere = ['docs/TRUST.md', 'docs/ADAPTERS.md', 'docs/FRAMEWORKS.md'];
const pages = globSync('docs/{,findings/}*.md', { cwd: workspace })
  .filter((page) => !heldElsewhere.includes(page))
  .map((page) => ({ page, text: read(page) }));
const blocks = pages.flatMap(({ page, text }) =>
  Array.from(text.matchAll(/<!-- (?<file>\S+) (?<region>\S+) -->\n\n```ts\n(?<code>[^]*?)```/g), ({ groups }) => ({
    page,
    file: groups?.['file'] ?? '',
    region: groups?.['region'] ?? '',
    code: groups?.['code'] ?? '',
  })),
);

describe('every snippet of docs', () => {
  test('comes from a program of examples/snippets/docs, each of which is shown', () => {
    expect([...new Set(blocks.map(({ file }) => file))].sort()).toEqual(programs);
    const shown = pages.flatMap(({ text }) => text.match(/^```(?:ts|js)$/gm) ?? []);
    expect(shown).toHaveLength(blocks.length);
  });

  test.each(blocks)('$page shows $region of $file as it is', ({ file, region, code }) => {
    const [, found] = new RegExp(`^ *// #region ${region}\\n([^]*?)^ *// #endregion$`, 'm').exec(read(file)) ?? [];
    expect(code).toBe(dedent(found ?? ''));
  });

  test.each(programs)(
    '%s runs, and finds what it says',
    async (file) => {
      const { NODE_OPTIONS: _options, NODE_ENV: _env, VITEST: _vitest, ...env } = process.env;
      const { stdout } = await run(process.execPath, [file], { cwd: workspace, timeout: 120_000, env });
      expect(stdout).toMatch(/^\w.+\n$/);
    },
    150_000,
  );
});

test('LOGS.md has a row for each warning, in its own words', () => {
  const sources = globSync('packages/*/src/**/*.ts', { cwd: workspace }).map(read).join('');
  const warnings = sources.match(/\bwarnOnce(?:Per)?\(\s*['"`]/g) ?? [];
  const [, table = ''] = /^\| the line says .*\n.*\n((?:\|.*\n)+)/m.exec(read('docs/LOGS.md')) ?? [];
  const rows = Array.from(table.matchAll(/^\| (.*?) \|/gm), ([, says = '']) => plain(says));
  expect(rows.filter((says) => !plain(sources).includes(says))).toEqual([]);
  expect(rows).toHaveLength(warnings.length);
});

test('every file that docs link to is there', () => {
  for (const { page, text } of pages) {
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      expect(globSync(join(dirname(page), target), { cwd: workspace }), `${page} links to ${target}`).not.toEqual([]);
    }
  }
});

function read(file: string): string {
  return readFileSync(join(workspace, file), 'utf8');
}

/** Text without the marks of code, in a source and in Markdown. */
function plain(text: string): string {
  return text.replaceAll(/[`\\]/g, '');
}

function dedent(code: string): string {
  const indents = Array.from(code.matchAll(/^( *)\S/gm), ([, indent = '']) => indent.length);
  return code.replaceAll(new RegExp(`^ {${Math.min(...indents)}}`, 'gm'), '');
}
