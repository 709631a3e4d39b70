import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SPAN_ID, TRACE_ID } from './serve.ts';

const folder = mkdtempSync(join(tmpdir(), 'runtimes-'));
const program = join(folder, 'runtime.mjs');
beforeAll(async () => {
  await build({
    entryPoints: [new URL('services/runtime.ts', import.meta.url).pathname],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The runtime of a variable of the environment, else of the path, where there is one. */
function find(name: string): { command: string; missing: boolean; note: string } {
  const command = process.env[`${name.toUpperCase()}_PATH`] ?? name;
  const missing = spawnSync(command, ['--version']).status !== 0;
  return {
    command,
    missing,
    note: missing ? ` (skipped: ${name} is not installed; or say ${name.toUpperCase()}_PATH)` : '',
  };
}

const runtimes = [
  { name: 'Bun.serve', args: [program], ...find('bun') },
  { name: 'Deno.serve', args: ['run', '--allow-all', program], ...find('deno') },
];

for (const { name, command, args, missing, note } of runtimes) {
  describe.skipIf(missing)(`${name}${note}`, () => {
    it('has one SERVER span for each request, with its connection, and bodies in its context', () => {
      const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', timeout: 80_000 });
      expect(status, stderr).toBe(0);
      const { spans, ...told } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
      expect(told).toEqual({
        length: '32',
        text: TRACE_ID,
        stream: `${TRACE_ID};${TRACE_ID};${TRACE_ID};`,
        status: 500,
      });
      const common = { 'client.address': '127.0.0.1', 'http.request.method': 'GET', 'server.address': '127.0.0.1' };
      expect(spans).toMatchObject([
        { name: 'GET /text', parent: SPAN_ID, status: 0, attributes: { ...common, 'http.response.status_code': 200 } },
        { name: 'GET /stream', parent: SPAN_ID, status: 0, attributes: { ...common, 'url.path': '/stream' } },
        { name: 'GET /fail', parent: SPAN_ID, status: 2, attributes: { 'error.type': 'RangeError' } },
        { name: 'GET /endless', parent: SPAN_ID, status: 0, attributes: { 'throughline.aborted': true } },
      ]);
    });
  });
}
