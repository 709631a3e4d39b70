import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// https://github.com/modelcontextprotocol/conformance. All of it runs on the loopback interface.
const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const conformance = path('../node_modules/@modelcontextprotocol/conformance/dist/index.js');
const kinds = ['bare', 'traced'] as const;
type Kind = (typeof kinds)[number];

/** How often each check came out how, by scenario and check; what the suite only mentions is left out. */
type Results = Record<string, string[]>;

interface Check {
  readonly id: string;
  readonly status: string;
}

let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'throughline-conformance-'));
  // Each scenario starts a client of its own, which compiles both SDKs.
  env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<Results> {
  const out = await mkdtemp(join(folder, 'results-'));
  await new Promise<void>((resolve) => {
    execFile(process.execPath, [conformance, ...args, '--timeout', '120000', '--output-dir', out], { env }, () =>
      resolve(),
    );
  });
  const results: Results = {};
  for (const file of await readdir(out, { recursive: true })) {
    if (!file.endsWith('checks.json')) continue;
    // The folder's name ends with the moment.
    const scenario = dirname(file).replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    for (const check of JSON.parse(await readFile(join(out, file), 'utf8')) as Check[])
      if (check.status !== 'INFO' && check.id !== byTheClock)
        (results[`${scenario}: ${check.id}`] ??= []).push(check.status);
  }
  for (const statuses of Object.values(results)) statuses.sort();
  return results;
}

// How long a client takes to come back is measured by the clock, on a machine that runs thirty of them at once.
const byTheClock = 'client-sse-retry-timing';

const count = (results: Results, wanted: string): number =>
  Object.values(results)
    .flat()
    .filter((status) => status === wanted).length;
const failing = (results: Results): string[] =>
  Object.keys(results).filter((name) => results[name]?.some((status) => status !== 'SUCCESS' && status !== 'SKIPPED'));
const scenarioOf = (check: string): string => check.slice(0, check.indexOf(':'));

async function served(file: string, kind: Kind, revision: string): Promise<Results> {
  const server = spawn(process.execPath, ['--no-warnings', path(file), kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  const [port] = (await once(server.stdout, 'data')) as [Buffer];
  try {
    const url = `http://127.0.0.1:${String(port).trim()}/mcp`;
    return await run('server', '--url', url, '--suite', 'all', '--spec-version', revision);
  } finally {
    const gone = once(server, 'exit');
    server.kill();
    await gone;
  }
}

const asked = (line: string, kind: Kind, ...which: string[]): Promise<Results> =>
  run(
    'client',
    '--command',
    `${process.execPath} --no-warnings ${path('./conformance-client.ts')} ${line} ${kind}`,
    ...which,
  );

/** What a bare one fails at is not more than this, and a traced one does exactly as well. */
function expectSame(bare: Results, traced: Results, succeeds: number, fails: readonly string[]): void {
  const failed = failing(bare);
  expect(new Set(failed.map(scenarioOf)), failed.join('\n')).toEqual(new Set(fails));
  expect(count(bare, 'SUCCESS')).toBeGreaterThanOrEqual(succeeds);
  expect(traced).toEqual(bare);
}

describe('@modelcontextprotocol/conformance says the same of a traced server as of a bare one', () => {
  test.each([
    {
      name: 'SDK v1, 2025-11-25',
      file: './conformance-server.ts',
      revision: '2025-11-25',
      succeeds: 75,
      // The McpServer of v1 takes Zod schemas alone.
      fails: ['server-json-schema-2020-12'],
    },
    { name: 'SDK v2, 2025-11-25', file: './conformance-server-v2.ts', revision: '2025-11-25', succeeds: 80, fails: [] },
    {
      name: 'SDK v2, 2026-07-28',
      file: './conformance-server-v2.ts',
      revision: '2026-07-28',
      succeeds: 150,
      fails: [],
    },
  ])(
    '$name',
    async ({ file, revision, succeeds, fails }) => {
      const [bare, traced] = [await served(file, 'bare', revision), await served(file, 'traced', revision)];
      expectSame(bare, traced, succeeds, fails);
    },
    300_000,
  );
});

describe('@modelcontextprotocol/conformance says the same of a traced client as of a bare one', () => {
  test.each([
    { line: 'v1', revision: '2025-11-25', succeeds: 280 },
    { line: 'v2', revision: '2025-11-25', succeeds: 285 },
    { line: 'v2', revision: '2026-07-28', succeeds: 430 },
  ])(
    'SDK $line, $revision, authorization and all',
    async ({ line, revision, succeeds }) => {
      const which = ['--suite', 'all', '--spec-version', revision];
      expectSame(await asked(line, 'bare', ...which), await asked(line, 'traced', ...which), succeeds, []);
    },
    600_000,
  );

  test.each([
    { line: 'v1', succeeds: 20 },
    { line: 'v2', succeeds: 20 },
  ])(
    'SDK $line, authorization as it was in 2025-03-26',
    async ({ line, succeeds }) => {
      const which = ['--suite', 'backcompat'];
      expectSame(await asked(line, 'bare', ...which), await asked(line, 'traced', ...which), succeeds, []);
    },
    300_000,
  );

  // What an SDK has no code for it fails at, traced as bare.
  const unknown = ['auth/dpop', 'auth/dpop-nonce', 'auth/wif-jwt-bearer'];
  test.each([
    { line: 'v1', succeeds: 30, fails: [...unknown, 'auth/enterprise-managed-authorization'] },
    { line: 'v2', succeeds: 40, fails: unknown },
  ])(
    'SDK $line, extensions for authorization',
    async ({ line, succeeds, fails }) => {
      const which = ['--suite', 'extensions'];
      expectSame(await asked(line, 'bare', ...which), await asked(line, 'traced', ...which), succeeds, fails);
    },
    300_000,
  );
});
