import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readPassage } from '../src/passage-reader.ts';
import { openShelf } from '../src/shelf.ts';

let outside: string;
let root: string;
beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'desk-shelf-'));
  root = join(outside, 'repository');
  mkdirSync(join(root, 'docs'), { recursive: true });
  mkdirSync(join(root, 'node_modules'));
  writeFileSync(join(outside, 'secret.md'), 'A secret policy.\n');
  writeFileSync(join(root, '.env'), 'KEY=secret\n');
  writeFileSync(join(root, 'docs', 'a.md'), '# Boundaries\n\nPolicies decide.\n\nQueues wait.\n');
  writeFileSync(join(root, 'node_modules', 'b.md'), 'A policy of others.\n');
});
afterEach(() => rmSync(outside, { recursive: true }));

describe('the shelf', () => {
  test('finds passages by any of the words, in any of their forms', () => {
    using shelf = openShelf(root);
    expect(shelf.index()).toEqual({ files: 1, passages: 2, changed: 1 });
    const hit = { file: 'docs/a.md', line: 3, last: 3, kind: 'prose', heading: 'Boundaries' };
    expect(shelf.search(['policy', 'nothing'], 'prose', 5)).toMatchObject([hit]);
    expect(shelf.search(['policy'], 'test', 5)).toEqual([]);
  });

  test('takes in again only what has changed, and forgets what is gone', () => {
    using shelf = openShelf(root);
    shelf.index();
    expect(shelf.index().changed).toBe(0);
    writeFileSync(join(root, 'docs', 'a.md'), 'Something else entirely.\n');
    expect(shelf.index()).toEqual({ files: 1, passages: 1, changed: 1 });
    expect(shelf.search(['policies'], 'prose', 5)).toEqual([]);
    rmSync(join(root, 'docs', 'a.md'));
    expect(shelf.index()).toEqual({ files: 0, passages: 0, changed: 0 });
  });

  test.each([['"'], ['NEAR('], ['a" OR "b'], ['*'], ['']])('takes %j as a word, not as syntax', (word) => {
    using shelf = openShelf(root);
    shelf.index();
    expect(shelf.search([word], 'prose', 5)).toEqual([]);
  });
});

describe('the reader', () => {
  test('reads the lines asked for', async () => {
    expect(await readPassage(root, 'docs/a.md', 3, 5)).toEqual(['Policies decide.', '', 'Queues wait.']);
  });

  test.each(['../secret.md', '/etc/hostname', 'link.md', '.env', 'docs/../../secret.md', 'none.md', '.'])(
    'refuses %s: outside the repository by path or by link, hidden, or absent',
    async (file) => {
      symlinkSync(join(outside, 'secret.md'), join(root, 'link.md'));
      await expect(readPassage(root, file, 1, 1)).rejects.toThrow(/no file .* to read/);
    },
  );

  test('says how long a file is when asked past its end', async () => {
    await expect(readPassage(root, 'docs/a.md', 99, 100)).rejects.toThrow('6 lines');
  });
});
