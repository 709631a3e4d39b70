import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);
const workspace = join(import.meta.dirname, '../../..');
const snippets = globSync('examples/snippets/*.ts', { cwd: workspace }).sort();
const readme = readFileSync(join(workspace, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/<!-- (?<file>\S+) -->\n```ts\n(?<code>[^]*?)```/g)].map(({ groups }) => ({
  file: groups?.['file'] ?? '',
  code: groups?.['code'] ?? '',
}));

describe('every snippet of the README', () => {
  test('comes from a program of examples/snippets, each of which is shown', () => {
    expect(blocks.map(({ file }) => file).sort()).toEqual(snippets);
    expect(readme.match(/^```ts$/gm)).toHaveLength(blocks.length);
  });

  test.each(blocks)('$file is shown byte for byte, in ten lines or fewer', ({ file, code }) => {
    const [, region] =
      /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(readFileSync(join(workspace, file), 'utf8')) ?? [];
    expect(code).toBe(region);
    expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  });

  test.each(snippets)(
    '%s runs, and finds what it says',
    async (file) => {
      const { stdout } = await run(process.execPath, [file], { cwd: workspace, timeout: 120_000, env: childEnv() });
      expect(stdout).toMatch(/^\w.+\n$/);
    },
    150_000,
  );
});

/** The environment without what the test runner adds for its own. */
function childEnv(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_ENV: _env, VITEST: _vitest, ...env } = process.env;
  return env;
}

test('every file that the documents at the top link to is there', () => {
  for (const document of globSync('*.md', { cwd: workspace })) {
    const text = readFileSync(join(workspace, document), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      expect(globSync(target, { cwd: workspace }), `${document} links to ${target}`).not.toEqual([]);
    }
  }
});
