import { serve } from '@hono/node-server';
import { createMcpExpressApp } from '@modelcontextprotocol/express';
import { createMcpHonoApp } from '@modelcontextprotocol/hono';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { SpanKind } from '@opentelemetry/api';
import { traceClient, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { inSpan, lines, spanOf } from './clients.ts';
import type { Client, Line } from './clients.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

function makeServer(): McpServer {
  const server = new McpServer({ name: 'library', version: '1.0.0' });
  server.registerTool('search', { inputSchema: z.object({ query: z.string() }) }, ({ query }) =>
    inSpan('work', async () => ({ content: [{ type: 'text' as const, text: `found ${query}` }] })),
  );
  return traceServer(server);
}

const listening = (http: Server): Promise<Server> =>
  new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(http)));

interface Framework {
  readonly framework: string;
  start(): Promise<Server>;
}

const frameworks: readonly Framework[] = [
  {
    framework: "Node's http and createMcpHandler",
    start() {
      const handle = toNodeHandler(createMcpHandler(makeServer));
      return listening(createServer((request, response) => void handle(request as never, response)));
    },
  },
  {
    framework: 'Express and createMcpHandler',
    start() {
      const app = createMcpExpressApp();
      const handle = toNodeHandler(createMcpHandler(makeServer));
      app.all('/mcp', (request, response) => void handle(request as never, response, request.body as unknown));
      return listening(createServer(app));
    },
  },
  {
    framework: 'Express and a transport for each request',
    start() {
      const app = createMcpExpressApp();
      app.all('/mcp', async (request, response) => {
        const transport = new NodeStreamableHTTPServerTransport({});
        await makeServer().connect(transport);
        await transport.handleRequest(request as never, response, request.body);
      });
      return listening(createServer(app));
    },
  },
  {
    framework: 'Hono and createMcpHandler',
    async start() {
      const app = createMcpHonoApp();
      const handler = createMcpHandler(makeServer);
      app.all('/mcp', (context) => handler.fetch(context.req.raw, { parsedBody: context.get('parsedBody' as never) }));
      return serveHono(app);
    },
  },
  {
    framework: 'Hono and a transport for each request',
    async start() {
      const app = createMcpHonoApp();
      app.all('/mcp', async (context) => {
        const transport = new WebStandardStreamableHTTPServerTransport({});
        await makeServer().connect(transport);
        return transport.handleRequest(context.req.raw, { parsedBody: context.get('parsedBody' as never) });
      });
      return serveHono(app);
    },
  },
];

function serveHono(app: ReturnType<typeof createMcpHonoApp>): Promise<Server> {
  return new Promise((resolve) => {
    const http = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => resolve(http as Server));
  });
}

// A transport of the 2025-11-25 line answers no request of the next revision: a client of that falls back.
const cases = frameworks
  .flatMap((framework) => lines.map((line) => ({ ...framework, line, client: line.name })))
  .filter(({ framework, client }) => !framework.includes('transport') || !client.includes('2026'));

describe.each(cases)('$framework, asked by $client', ({ start, line }: Framework & { line: Line }) => {
  test('a call is one trace: the caller, CLIENT, SERVER, and what the tool does', async () => {
    const http = await start();
    const { port } = http.address() as AddressInfo;
    const client = traceClient(line.client() as never) as Client;
    await client.connect(line.http(new URL(`http://127.0.0.1:${port}/mcp`)));
    const result = await inSpan('agent', () => client.callTool({ name: 'search', arguments: { query: 'x' } }));
    expect(result.content[0]?.text).toBe('found x');
    const out = spanOf(telemetry, 'tools/call search', SpanKind.CLIENT);
    const into = spanOf(telemetry, 'tools/call search', SpanKind.SERVER);
    expect(out.parentSpanContext?.spanId).toBe(telemetry.find('agent').spanContext().spanId);
    expect(into.parentSpanContext?.spanId).toBe(out.spanContext().spanId);
    expect(telemetry.find('work').parentSpanContext?.spanId).toBe(into.spanContext().spanId);
    await client.close();
    http.closeAllConnections();
    http.close();
  });
});
