import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack, publishedPackages } from '../../../scripts/published-packages.ts';

const run = promisify(execFile);
const workspace = join(import.meta.dirname, '../../..');
const published = publishedPackages();
const node = await nodeOfThisMachine();

/** What `npm install` of our tarballs and their peers would give, without a registry. */
const consumer = realpathSync(mkdtempSync(join(tmpdir(), 'throughline-consumer-')));

beforeAll(async () => {
  await run('pnpm', ['build'], { cwd: workspace });
  cpSync(join(workspace, 'test/chain/consumers'), consumer, { recursive: true });
  const entryPoints = await Promise.all(published.map((one) => layOut(one)));
  writeFileSync(join(consumer, 'entry-points.cjs'), `exports.entryPoints = ${JSON.stringify(entryPoints.flat())};\n`);
  // Peers come from the 2.x line: the 3.x one does not run on Node 20.
  link('@opentelemetry/api', 'test/sdk2');
  link('@opentelemetry/core', 'test/sdk2');
  link('undici', 'test/chain');
  link('@types/node', '.');
});
afterAll(() => rmSync(consumer, { recursive: true, force: true }));

describe(`the packed packages, on Node ${node.version}`, () => {
  test('load by import, and change nothing by being imported', async () => {
    const { exported, before, after } = await output('import.js');
    expect(Object.keys(exported)).toEqual(expect.arrayContaining(published.map(({ name }) => name)));
    expect(Object.values(exported)).not.toContainEqual([]);
    expect(after).toEqual(before);
  });

  test('load by require, with the same exports', async () => {
    const [required, imported] = [await output('require.cjs'), await output('import.js')];
    expect(required.exported).toEqual(imported.exported);
    expect(required.after).toEqual(required.before);
  });

  test('keep one trace when the ESM and the CommonJS build meet in one process', async () => {
    const travelsOn = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      baggage: 'throughline.lineage=1.4.32.1.-.-.-,tenant=42',
    };
    expect(await output('both.js')).toEqual({ copies: 2, intoCommonjs: travelsOn, intoEsm: travelsOn });
  });

  test('load in Jest 30', async () => {
    const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin/jest.js');
    const config = JSON.stringify({
      rootDir: consumer,
      testMatch: ['**/jest.test.cjs'],
      transform: {},
      watchman: false,
    });
    const { stderr } = await run(node.path, [jest, '--ci', '--no-cache', '--runInBand', '--config', config], {
      cwd: consumer,
    });
    expect(stderr).toMatch(/^Tests: +\d+ passed, \d+ total$/m);
  });
});

describe('the published types compile, strict and without skipLibCheck, in a consumer', () => {
  test.each([
    ['that is ESM under nodenext', 'typed.ts', { module: 'nodenext' }],
    ['that is CommonJS under nodenext', 'typed.cts', { module: 'nodenext' }],
    ['that is CommonJS under node16', 'typed.cts', { module: 'node16', moduleResolution: 'node16' }],
    ['under bundler resolution', 'typed.ts', { module: 'esnext', moduleResolution: 'bundler' }],
    ['under module commonjs', 'typed.cts', { module: 'commonjs', moduleResolution: 'bundler' }],
  ])('%s', async (_, file, compilerOptions) => {
    if (file !== 'typed.ts') cpSync(join(consumer, 'typed.ts'), join(consumer, file));
    const project = join(consumer, `tsconfig.${file}.${compilerOptions.module}.json`);
    writeFileSync(project, JSON.stringify({ extends: './tsconfig.json', compilerOptions, files: [file] }));
    expect(await typeErrors(project)).toBe('');
  });

  // What a wrong entry in `exports` would let slip: unresolved types are `any` to a consumer that allows it.
  test('that notices when a type is wrong', async () => {
    writeFileSync(join(consumer, 'wrong.ts'), `import { register } from '@throughline/core';\nregister().nothing;\n`);
    const project = join(consumer, 'tsconfig.wrong.json');
    writeFileSync(
      project,
      JSON.stringify({ extends: './tsconfig.json', compilerOptions: { module: 'nodenext' }, files: ['wrong.ts'] }),
    );
    expect(await typeErrors(project)).toContain("Property 'nothing' does not exist on type 'Registration'");
  });
});

/** Unpacks the tarball of a package where the consumer finds it, and returns the specifiers under which it loads. */
async function layOut(one: (typeof published)[number]): Promise<string[]> {
  const tarball = await pack(one, consumer);
  const installed = join(consumer, 'node_modules', one.name);
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  const { exports } = createRequire(import.meta.url)(join(installed, 'package.json')) as { exports: object };
  return Object.keys(exports)
    .filter((subpath) => subpath !== './package.json')
    .map((subpath) => one.name + subpath.slice(1));
}

function link(peer: string, from: string): void {
  const place = join(consumer, 'node_modules', peer);
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(realpathSync(join(workspace, from, 'node_modules', peer)), place);
}

interface Loaded {
  readonly exported: Record<string, string[]>;
  readonly before: unknown;
  readonly after: unknown;
}

async function output(script: string): Promise<Loaded> {
  const { stdout } = await run(node.path, [script], { cwd: consumer });
  return JSON.parse(stdout) as Loaded;
}

async function typeErrors(project: string): Promise<string> {
  const tsc = join(workspace, 'node_modules/typescript/bin/tsc');
  try {
    await run(process.execPath, [tsc, '-p', project], { cwd: consumer });
    return '';
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout ?? error);
  }
}

/** The oldest Node that the packages support, where the machine has one; else the one that runs the tests. */
async function nodeOfThisMachine(): Promise<{ path: string; version: string }> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'node');
    const found = await run(path, ['-p', 'process.versions.node']).catch(() => undefined);
    const version = found?.stdout.trim();
    if (version?.startsWith('20.')) return { path, version };
  }
  console.warn(
    `There is no Node 20 on the PATH: the packed packages are loaded on Node ${process.versions.node} only.`,
  );
  return { path: process.execPath, version: process.versions.node };
}
