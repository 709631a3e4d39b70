import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examplesIn, withExamples } from '../src/page-example.ts';

const workspace = join(import.meta.dirname, '../../..');
const folder = join(workspace, 'docs/findings');
const source = readFileSync(join(workspace, 'packages/verify/src/chains/finding.ts'), 'utf8');
const codes = Array.from(source.matchAll(/^ {2}\| '([\w-]+)'/gm), ([, code = '']) => code).sort();
const pages = codes.map((code) => ({ code, file: join(folder, `${code}.md`) }));
const table = readFileSync(join(folder, 'README.md'), 'utf8');
const sections = ['What it means', 'How it comes about', 'How to mend it', 'Example', 'What is sound'];

describe('of the findings', () => {
  it('each has a page and a row in the table, and there is no page of another', () => {
    expect(codes.length).toBeGreaterThanOrEqual(20);
    const there = globSync('*.md', { cwd: folder }).filter((file) => file !== 'README.md');
    expect(there.map((file) => basename(file, '.md')).sort()).toEqual(codes);
    const rows = Array.from(table.matchAll(/^\| \[`([\w-]+)`\]\(([\w-]+)\.md\) \| (error|warning) \|/gm));
    expect(rows.map(([, code = '']) => code).sort()).toEqual(codes);
    for (const [, code, file] of rows) expect(file).toBe(code);
  });

  // `npx vitest run --project sdk3 test/corpus/test/pages.test.ts -u` writes what the checker says today.
  it.each(pages)('$code shows what the checker says of its capture today', async ({ code, file }) => {
    const page = readFileSync(file, 'utf8');
    expect(examplesIn(page)).toBeGreaterThanOrEqual(1);
    await expect(await withExamples(code, page)).toMatchFileSnapshot(file);
  });

  it.each(pages)('$code is told under the same headings', ({ code, file }) => {
    const page = readFileSync(file, 'utf8');
    expect(page.startsWith(`# ${code}\n`)).toBe(true);
    expect(Array.from(page.matchAll(/^## (.*)$/gm), ([, title]) => title)).toEqual(sections);
  });
});
