import { execFile } from 'node:child_process';
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack, publishedPackages } from '../../../scripts/published-packages.ts';
import { serveRegistry } from './registry.ts';
import type { Registry, Tarball } from './registry.ts';

const run = promisify(execFile);
const workspace = join(import.meta.dirname, '../../..');
const published = publishedPackages();
const node = await nodeOfThisMachine();

/** What `npm install` of our tarballs and their peers would give, without a registry. */
const consumer = realpathSync(mkdtempSync(join(tmpdir(), 'throughline-consumer-')));
const tarballs: Tarball[] = [];

beforeAll(async () => {
  await run('pnpm', ['build'], { cwd: workspace });
  cpSync(join(workspace, 'test/chain/consumers'), consumer, { recursive: true });
  const entryPoints = await Promise.all(published.map((one) => layOut(one)));
  writeFileSync(join(consumer, 'entry-points.cjs'), `exports.entryPoints = ${JSON.stringify(entryPoints.flat())};\n`);
  // Peers come from the 2.x line: the 3.x one does not run on Node 20.
  link('@opentelemetry/api', 'test/sdk2');
  link('undici', 'test/chain');
  link('@openai/agents-core', 'packages/openai-agents');
  link('@nats-io/nats-core', 'packages/nats');
  link('commander', 'packages/throughline');
  link('tinyglobby', 'packages/throughline');
  link('protobufjs', 'packages/verify');
  link('yaml', 'packages/throughline');
  link('@types/node', '.');
  // Everything is built where nothing is yet.
}, 600_000);
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

describe('what the READMEs say to install, by npm', () => {
  const lines = ['README.md', ...globSync('packages/*/README.md', { cwd: workspace }).sort()].flatMap((file) =>
    Array.from(
      readFileSync(join(workspace, file), 'utf8').matchAll(/^npm install (.*@throughline\/.*)$/gm),
      ([, what]) => ({
        file,
        what: (what ?? '').split(' '),
      }),
    ),
  );
  // The command is run by npx, and no registry of a scope has it.
  const scoped = published.filter(({ name }) => name.startsWith('@throughline/'));
  let registry: Registry;
  beforeAll(async () => {
    registry = await serveRegistry(tarballs);
  });
  afterAll(() => registry.close());

  test('is said in every one', () => {
    expect(new Set(lines.map(({ file }) => file)).size).toBe(scoped.length + 1);
  });

  function projectFolder(): string {
    const project = mkdtempSync(join(consumer, 'project-'));
    writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
    writeFileSync(
      join(project, '.npmrc'),
      `@throughline:registry=${registry.url}/\naudit=false\nfund=false\nprefer-offline=true\n`,
    );
    return project;
  }

  // npm starts once for each line, which is slow on a slow machine.
  test('can be had line by line', { timeout: 600_000 }, async () => {
    const project = projectFolder();
    for (const { what } of lines) await npm(project, 'install', '--dry-run', ...what);
  });

  // A line that cannot be had beside an SDK cannot be had together with the others either.
  test.each([
    ['an empty project', [], /^1\./],
    ['a project with SDK 2', ['@opentelemetry/api@1.9', '@opentelemetry/sdk-trace-node@2'], /^1\.9\./],
    ['a project with SDK 2, whose API came as a peer', ['@opentelemetry/sdk-trace-node@2'], /^1\.9\./],
    ['a project with SDK 3', ['@opentelemetry/api@1.10', '@opentelemetry/sdk-trace@3'], /^1\.10\./],
  ])('goes into %s, and leaves it one copy of the API', { timeout: 300_000 }, async (_, already, api) => {
    const project = projectFolder();
    if (already.length > 0) await npm(project, 'install', ...already);
    const everything = new Set(lines.flatMap(({ what }) => what.filter((word) => !word.startsWith('--'))));
    await npm(project, 'install', ...everything);
    const found = globSync('node_modules/**/@opentelemetry/api/package.json', { cwd: project });
    expect(found).toEqual(['node_modules/@opentelemetry/api/package.json']);
    const { version } = JSON.parse(readFileSync(join(project, found[0] ?? ''), 'utf8')) as { version: string };
    expect(version).toMatch(api);
    const load = scoped.map(({ name }) => `await import('${name}');`).join('');
    await run(process.execPath, ['--input-type=module', '-e', load], { cwd: project });
  });
});

/** Runs npm as a user does, without what the test runner and pnpm put into the environment. */
async function npm(project: string, ...words: string[]): Promise<void> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|pnpm_|NODE_ENV)/i.test(name)));
  await run('npm', words, { cwd: project, env });
}

/** Unpacks the tarball of a package where the consumer finds it, and returns the specifiers under which it loads. */
async function layOut(one: (typeof published)[number]): Promise<string[]> {
  const tarball = await pack(one, consumer);
  const installed = join(consumer, 'node_modules', one.name);
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  const manifest = createRequire(import.meta.url)(join(installed, 'package.json')) as Tarball['manifest'] & {
    exports: object;
  };
  tarballs.push({ manifest, file: tarball });
  return Object.keys(manifest.exports)
    .filter((subpath) => !subpath.endsWith('.json'))
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
