import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const workspace = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(workspace, file), 'utf8');
const page = read('docs/FRAMEWORKS.md');
const blocks = Array.from(
  page.matchAll(/<!-- (?<file>\S+) (?<region>\S+) -->\n\n```ts\n(?<code>[^]*?)```/g),
  ({ groups }) => ({ file: groups?.['file'] ?? '', region: groups?.['region'] ?? '', code: groups?.['code'] ?? '' }),
);

describe('docs/FRAMEWORKS.md', () => {
  it.each(blocks)('shows $region of $file as it is', ({ file, region, code }) => {
    const [, found] = new RegExp(`^ *// #region ${region}\\n([^]*?)^ *// #endregion$`, 'm').exec(read(file)) ?? [];
    expect(code).toBe(found);
  });

  it('shows nothing else, and links to what is there', () => {
    expect(page.match(/^```ts$/gm)).toHaveLength(blocks.length);
    for (const [, target = ''] of page.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      expect(globSync(join('docs', target), { cwd: workspace }), `it links to ${target}`).not.toEqual([]);
    }
  });
});
