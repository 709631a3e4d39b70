import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { wrongContents } from '../../../scripts/package-contents.ts';
import { publishedPackages } from '../../../scripts/published-packages.ts';

const workspace = join(import.meta.dirname, '../../..');
const sources = ['index.ts', 'http/server.ts'];
const traces = ['/srv/build/throughline', 'registry.internal.example'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-contents-'));
  const manifest = { name: 'x', publishConfig: { access: 'public', provenance: true }, dependencies: { y: '^1.0.0' } };
  for (const file of ['LICENSE', 'README.md', 'dist/cjs/package.json']) write(file, '{}');
  write('package.json', JSON.stringify(manifest));
  for (const source of sources) {
    write(`src/${source}`, 'export {};');
    for (const build of ['esm', 'cjs']) {
      const built = `dist/${build}/${source.replace('.ts', '')}`;
      const up = '../'.repeat(source.split('/').length + 1);
      const map = JSON.stringify({ version: 3, sourceRoot: '', sources: [`${up}src/${source}`] });
      for (const kind of ['js', 'd.ts']) {
        write(`${built}.${kind}`, 'export {};');
        write(`${built}.${kind}.map`, map);
      }
    }
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

const wrong = (): string[] => wrongContents(folder, { sources, traces });

describe('a tarball', () => {
  test('with exactly what is meant is right', () => {
    expect(wrong()).toEqual([]);
  });

  test.each([
    'test/index.test.ts',
    'dist/esm/left-behind.js',
    '.npmrc',
    'dist/esm/.tsbuildinfo',
    'node_modules/y/index.js',
  ])('must not hold %s', (file) => {
    write(file, '');
    expect(wrong()).toEqual([`${file} is not meant to be in the tarball`]);
  });

  test.each([
    'LICENSE',
    'README.md',
    'dist/cjs/package.json',
    'dist/esm/http/server.js',
    'dist/cjs/index.d.ts',
    'src/index.ts',
  ])('must hold %s', (file) => {
    rmSync(join(folder, file));
    expect(wrong()).toContain(`${file} is not in the tarball`);
  });

  test.each([
    ['/srv/build/throughline/packages/x/src/index.ts', '/srv/build/throughline'],
    ['https://registry.internal.example/y.tgz', 'registry.internal.example'],
    ['file:///home/mary/work/x.ts', '/home/mary/'],
    [String.raw`C:\Users\mary\x.ts`, String.raw`C:\Users` + '\\'],
  ])('must not say where it was made: %s', (text, trace) => {
    write('dist/esm/index.js', `// ${text}`);
    expect(wrong()).toEqual([`dist/esm/index.js holds '${trace}'`]);
  });

  test.each([
    [{ sources: ['../../../other/src/index.ts'] }, '../other/src/index.ts'],
    [{ sources: ['index.ts'], sourceRoot: '/srv' }, 'dist/esm/srv/index.ts'],
  ])('must not have a map that points out of it: %j', (map, source) => {
    write('dist/esm/index.js.map', JSON.stringify(map));
    expect(wrong()).toEqual([`dist/esm/index.js.map maps to ${source}, which is not in the tarball`]);
  });

  test.each([
    [{ scripts: { postinstall: 'node x.js' } }, 'package.json has scripts'],
    [{ dependencies: { y: 'workspace:^' } }, "package.json has a dependency by 'workspace:'"],
    [{ dependencies: { y: 'catalog:' } }, "package.json has a dependency by 'catalog:'"],
    [{ publishConfig: { access: 'public' } }, 'package.json does not ask for provenance'],
  ])('must have a manifest that works anywhere: %j', (change, fault) => {
    const manifest = { name: 'x', publishConfig: { access: 'public', provenance: true }, ...change };
    write('package.json', JSON.stringify(manifest));
    expect(wrong()).toEqual([fault]);
  });
});

test('every published package asks for provenance and public access', () => {
  const asked = publishedPackages().map(({ folder }) => {
    const { publishConfig } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      publishConfig: object;
    };
    return publishConfig;
  });
  expect(asked.length).toBeGreaterThan(0);
  for (const publishConfig of asked) expect(publishConfig).toMatchObject({ access: 'public', provenance: true });
});

describe.each(globSync('.github/workflows/*.yml', { cwd: workspace }))('%s', (file) => {
  const text = readFileSync(join(workspace, file), 'utf8');

  test('pins every action of others to a commit, and says which version that is', () => {
    const uses = Array.from(text.matchAll(/^ *(?:- )?uses: (.+)$/gm), ([, what = '']) => what);
    const theirs = uses.filter((what) => !what.startsWith('./'));
    expect(theirs.filter((what) => !/^[\w-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(what))).toEqual([]);
  });

  test('has no permission but those that a job names, and no secret', () => {
    expect(text).toMatch(/^permissions: \{\}$/m);
    expect(text).not.toMatch(/secrets\.|write-all/);
  });
});
