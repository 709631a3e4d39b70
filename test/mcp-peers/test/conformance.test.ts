import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const conformance = path('../node_modules/@modelcontextprotocol/conformance/dist/index.js');

/** The result of every check, by scenario and name. */
async function run(...args: string[]): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-conformance-'));
  await new Promise<void>((resolve) => {
    execFile(process.execPath, [conformance, ...args, '--output-dir', folder], { timeout: 100_000 }, () => resolve());
  });
  const results: Record<string, string> = {};
  for (const scenario of await readdir(folder)) {
    const checks = JSON.parse(await readFile(join(folder, scenario, 'checks.json'), 'utf8')) as {
      id: string;
      status: string;
    }[];
    // The folder's name ends with the moment.
    const name = scenario.replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    for (const { id, status } of checks) results[`${name} ${id}`] = status;
  }
  await rm(folder, { recursive: true, force: true });
  return results;
}

async function served(kind: 'bare' | 'traced'): Promise<Record<string, string>> {
  const server: ChildProcess = spawn(process.execPath, ['--no-warnings', path('./conformance-server.ts'), kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(server.stdout as NonNullable<typeof server.stdout>, 'data')) as [Buffer];
  try {
    return await run('server', '--url', `http://127.0.0.1:${String(port).trim()}/mcp`);
  } finally {
    const gone = once(server, 'exit');
    server.kill();
    await gone;
  }
}

// https://github.com/modelcontextprotocol/conformance
describe('@modelcontextprotocol/conformance', () => {
  test('says the same of a traced server as of a bare one', async () => {
    const [bare, traced] = [await served('bare'), await served('traced')];
    expect(Object.keys(bare).length).toBeGreaterThan(25);
    expect(Object.values(bare).filter((status) => status === 'SUCCESS').length).toBeGreaterThan(20);
    expect(traced).toEqual(bare);
  }, 240_000);

  test.each(['initialize', 'tools_call', 'elicitation-sep1034-client-defaults', 'sse-retry'])(
    'and of a traced client: %s',
    async (scenario) => {
      const of = (kind: string): Promise<Record<string, string>> =>
        run(
          'client',
          '--command',
          `${process.execPath} --no-warnings ${path('./conformance-client.ts')} ${kind}`,
          '--scenario',
          scenario,
        );
      const bare = await of('bare');
      expect(Object.values(bare)).toContain('SUCCESS');
      expect(await of('traced')).toEqual(bare);
    },
    120_000,
  );
});
