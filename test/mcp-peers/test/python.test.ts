import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { SpanKind } from '@opentelemetry/api';
import { traceClient, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { inSpan, lines, spanOf } from './clients.ts';
import type { Answer, Client } from './clients.ts';
import { pythonSdk } from './python.ts';

// The Python SDK (PyPI `mcp`), which injects and extracts the same three keys.

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: string | null;
}

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
let telemetry: Telemetry;
let python: string;
let http: ChildProcess;
let url: URL;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  python = await pythonSdk();
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  http = spawn(python, [path('./server.py'), String(port)], { stdio: 'ignore' });
  url = new URL(`http://127.0.0.1:${port}/mcp`);
  await vi.waitFor(() => fetch(url), { timeout: 60_000, interval: 100 });
});
afterAll(async () => {
  if (http === undefined) return;
  const gone = once(http, 'exit');
  http.kill('SIGKILL');
  await gone;
});
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

const textOf = ({ content }: Answer): string => content[0]?.text ?? '';

describe.each(lines)('$name asks a server of the Python SDK', (line) => {
  test.each(['stdio', 'Streamable HTTP'])('over %s: one trace through both languages', async (over) => {
    const client = traceClient(line.client() as never, { firstParty: true }) as Client;
    cleanups.push(() => client.close());
    await client.connect(over === 'stdio' ? line.stdio(python, [path('./server.py'), 'stdio']) : line.http(url));
    await telemetry.reset();
    const answer = await inSpan('agent', () => client.callTool({ name: 'add', arguments: { a: 1, b: 2 } }));
    expect(textOf(answer)).toBe('3');
    const out = spanOf(telemetry, 'tools/call add', SpanKind.CLIENT);
    const spans = JSON.parse(textOf(await client.callTool({ name: 'spans' }))) as Span[];
    const mine = spans.filter(({ traceId }) => traceId === out.spanContext().traceId);
    const into = mine.find(({ name }) => name === 'tools/call add');
    expect(into?.parent).toBe(out.spanContext().spanId);
    expect(mine.find(({ name }) => name === 'work')?.parent).toBe(into?.spanId);
  });

  test('a tool that raises is a tool error on our span', async () => {
    const client = traceClient(line.client() as never) as Client;
    cleanups.push(() => client.close());
    await client.connect(line.http(url));
    await telemetry.reset();
    expect((await client.callTool({ name: 'fail' })).isError).toBe(true);
    const { attributes } = spanOf(telemetry, 'tools/call fail', SpanKind.CLIENT);
    expect(attributes['error.type']).toBe('tool_error');
  });
});

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const servers: readonly { readonly name: string; readonly handle: () => Handle }[] = [
  {
    name: 'SDK v1',
    handle: () => async (request, response) => {
      const server = new McpServerV1({ name: 'library', version: '1.0.0' });
      server.registerTool('add', { inputSchema: { text: z.string() } }, ({ text }) =>
        inSpan('work', async () => ({ content: [{ type: 'text', text }] })),
      );
      const transport = new StreamableHTTPServerTransport({});
      await traceServer(server).connect(transport);
      await transport.handleRequest(request, response);
    },
  },
  {
    name: 'SDK v2',
    handle() {
      const handle = toNodeHandler(
        createMcpHandler(() => {
          const server = new McpServerV2({ name: 'library', version: '1.0.0' });
          server.registerTool('add', { inputSchema: z.object({ text: z.string() }) }, ({ text }) =>
            inSpan('work', async () => ({ content: [{ type: 'text' as const, text }] })),
          );
          return traceServer(server);
        }),
      );
      return (request, response) => handle(request as never, response);
    },
  },
];
const asked = servers.flatMap((server) => ['auto', 'legacy'].map((mode) => ({ ...server, mode })));

describe.each(asked)('a client of the Python SDK ($mode) asks a server of $name', ({ handle, mode }) => {
  test('one trace through both languages', async () => {
    const serve = handle();
    const server = createServer((request, response) => void serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(
      () => server.close(),
      () => server.closeAllConnections(),
    );
    const { port } = server.address() as AddressInfo;
    const { stdout } = await promisify(execFile)(python, [path('./client.py'), `http://127.0.0.1:${port}/mcp`, mode]);
    const { answer, spans } = JSON.parse(stdout) as { answer: string; spans: Span[] };
    expect(answer).toBe('x');
    const sent = spans.find(({ name }) => name === 'MCP send tools/call add');
    const agent = spans.find(({ name }) => name === 'agent');
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    // In `auto` it asks for `server/discover` first, which SDK v1 does not know.
    for (const { attributes } of telemetry.spans()) expect(attributes).not.toHaveProperty('error.type');
    expect(into.spanContext().traceId).toBe(agent?.traceId);
    expect(into.parentSpanContext?.spanId).toBe(sent?.spanId);
    expect(telemetry.find('work').parentSpanContext?.spanId).toBe(into.spanContext().spanId);
  });
});
