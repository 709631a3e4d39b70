import { SpanKind } from '@opentelemetry/api';
import { traceClient } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { inSpan, lines, spanOf } from './clients.ts';
import type { Client, Line } from './clients.ts';

// The reference servers of the registry, which know nothing of us: what we put into `_meta` changes nothing for them.

let telemetry: Telemetry;
let folder: string;
let http: ChildProcess;
let url: URL;

const script = (name: string): string =>
  fileURLToPath(new URL(`../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`, import.meta.url));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'throughline-mcp-'));
  await writeFile(join(folder, 'note.txt'), 'hello');
  const port = await freePort();
  http = spawn(process.execPath, [script('everything'), 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: 'ignore',
  });
  url = new URL(`http://127.0.0.1:${port}/mcp`);
  await vi.waitFor(() => fetch(url), { timeout: 60_000, interval: 100 });
}, 90_000);
afterAll(async () => {
  const gone = once(http, 'exit');
  http.kill();
  await gone;
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Case {
  readonly server: string;
  readonly over: string;
  transport(line: Line): never;
  readonly call: () => Parameters<Client['callTool']>[0];
}

const memory = (line: Line): never =>
  line.stdio(process.execPath, [script('memory')], { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') });
const cases: readonly Case[] = [
  {
    server: 'everything',
    over: 'stdio',
    transport: (line) => line.stdio(process.execPath, [script('everything')]),
    call: () => ({ name: 'echo', arguments: { message: 'hello' } }),
  },
  {
    server: 'everything',
    over: 'Streamable HTTP',
    transport: (line) => line.http(url),
    call: () => ({ name: 'echo', arguments: { message: 'hello' } }),
  },
  {
    server: 'filesystem',
    over: 'stdio',
    transport: (line) => line.stdio(process.execPath, [script('filesystem'), folder]),
    call: () => ({ name: 'read_text_file', arguments: { path: join(folder, 'note.txt') } }),
  },
  { server: 'memory', over: 'stdio', transport: memory, call: () => ({ name: 'read_graph', arguments: {} }) },
];

describe.each(lines)('$name and the reference server', (line) => {
  test.each(cases)(
    '$server over $over says the same to a traced client as to a bare one',
    async ({ transport, call }) => {
      const ask = async (client: Client) => {
        await client.connect(transport(line));
        try {
          const { tools } = await client.listTools();
          return { tools: tools.map(({ name }) => name), answer: await inSpan('agent', () => client.callTool(call())) };
        } finally {
          await client.close();
        }
      };
      const bare = await ask(line.client());
      await telemetry.reset();
      const traced = await ask(traceClient(line.client() as never, { firstParty: true }) as Client);
      expect(traced).toEqual(bare);
      expect(bare.answer.isError ?? false).toBe(false);
      expect(bare.tools.length).toBeGreaterThan(3);
      const out = spanOf(telemetry, `tools/call ${call().name}`, SpanKind.CLIENT);
      expect(out.parentSpanContext?.spanId).toBe(telemetry.find('agent').spanContext().spanId);
      for (const span of telemetry.spans())
        if (span.name !== 'server/discover') expect(span.attributes).not.toHaveProperty('error.type');
    },
  );
});
