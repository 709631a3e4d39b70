import { MCPInstrumentation } from '@arizeai/openinference-instrumentation-mcp';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import * as clientStreamableHTTPModule from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import * as serverStreamableHTTPModule from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SpanKind } from '@opentelemetry/api';
import { traceClient, traceConnection, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { inSpan, spanOf } from './clients.ts';

let telemetry: Telemetry;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

const info = { name: 'x', version: '1.0.0' };
const seen: (Record<string, unknown> | undefined)[] = [];

async function connect(traces: { client: boolean; server: boolean | 'connected' }): Promise<Client> {
  const make = (): McpServer => {
    const plain = new McpServer(info);
    plain.registerTool('add', { inputSchema: { a: z.number().optional() } }, (_, extra) => {
      seen.push(extra._meta);
      return inSpan('work', async () => ({ content: [] }));
    });
    return traces.server === true ? traceServer(plain) : plain;
  };
  const http = createServer((request, response) => {
    void (async () => {
      const transport = new serverStreamableHTTPModule.StreamableHTTPServerTransport({});
      const server = make();
      await server.connect(transport);
      if (traces.server === 'connected') traceConnection(server);
      await transport.handleRequest(request, response);
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const plain = new Client(info);
  const client = traces.client ? traceClient(plain) : plain;
  const url = new URL(`http://127.0.0.1:${port}/mcp`);
  await client.connect(new clientStreamableHTTPModule.StreamableHTTPClientTransport(url));
  cleanups.push(
    () => http.close(),
    () => http.closeAllConnections(),
    () => client.close(),
  );
  await telemetry.reset();
  seen.length = 0;
  return client;
}

describe('OpenInference, which injects into _meta and opens no spans', () => {
  let instrumentation: MCPInstrumentation;
  beforeEach(() => {
    instrumentation = new MCPInstrumentation();
    instrumentation.manuallyInstrument({ clientStreamableHTTPModule, serverStreamableHTTPModule });
    cleanups.push(() => instrumentation.disable());
  });

  test('at the client: our server continues what it injects', async () => {
    const client = await connect({ client: false, server: true });
    await inSpan('agent', () => client.callTool({ name: 'add', arguments: {} }));
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(into.parentSpanContext?.spanId).toBe(telemetry.find('agent').spanContext().spanId);
    expect(telemetry.find('work').parentSpanContext?.spanId).toBe(into.spanContext().spanId);
  });

  test('at the server: it continues what our client injects', async () => {
    const client = await connect({ client: true, server: false });
    await inSpan('agent', () => client.callTool({ name: 'add', arguments: {} }));
    const out = spanOf(telemetry, 'tools/call add', SpanKind.CLIENT);
    expect(telemetry.find('work').parentSpanContext?.spanId).toBe(out.spanContext().spanId);
  });

  test('beside ours at both ends: one chain, and our spans are in it', async () => {
    const client = await connect({ client: true, server: true });
    const params = { name: 'add', arguments: {} };
    for (const name of ['one', 'two']) await inSpan(name, () => client.callTool(params));
    for (const name of ['one', 'two']) {
      const { traceId } = telemetry.find(name).spanContext();
      const spans = telemetry.spans().filter((span) => span.spanContext().traceId === traceId);
      expect(spans.map((span) => span.name).toSorted()).toEqual(
        [name, 'tools/call add', 'tools/call add', 'work'].toSorted(),
      );
    }
  });

  describe('beside `traceConnection` at both ends', () => {
    const add = (client: Client) => inSpan('agent', () => client.callTool({ name: 'add', arguments: {} }));
    const names = (): string[] => {
      const { traceId } = telemetry.find('agent').spanContext();
      return telemetry
        .spans()
        .filter((span) => span.spanContext().traceId === traceId)
        .map(({ name, kind }) => `${SpanKind[kind]} ${name}`)
        .toSorted();
    };
    // Its `disable` leaves what was instrumented by hand.
    const takeOut = (): void => {
      const { _unpatchClientStreamableHTTPModule: unpatch } = instrumentation as unknown as {
        _unpatchClientStreamableHTTPModule(module: object): void;
      };
      Reflect.apply(unpatch, instrumentation, [clientStreamableHTTPModule]);
    };
    const both = ['CLIENT tools/call add', 'INTERNAL agent', 'INTERNAL work', 'SERVER tools/call add'];

    test('one chain, and a CLIENT and a SERVER span in it', async () => {
      const client = await connect({ client: false, server: 'connected' });
      traceConnection(client);
      await add(client);
      expect(names()).toEqual(both);
    });

    test.each(['ours', 'theirs'])('where %s is undone first, the other goes on', async (first) => {
      const client = await connect({ client: false, server: 'connected' });
      const undo = traceConnection(client);
      if (first === 'theirs') {
        takeOut();
        await add(client);
        expect(names()).toEqual(both);
        await telemetry.reset();
        seen.length = 0;
        undo();
        await add(client);
        expect(names()).toEqual(['INTERNAL agent']);
        expect(seen[0]?.['traceparent']).toBeUndefined();
        return;
      }
      undo();
      await add(client);
      expect(names()).toEqual(['INTERNAL agent', 'INTERNAL work', 'SERVER tools/call add']);
      takeOut();
      await telemetry.reset();
      await add(client);
      expect(names()).toEqual(['INTERNAL agent']);
    });
  });
});

describe('dd-trace, which writes a key of its own', () => {
  test('is ignored and passed on: the trace starts at the server, and is counted as started', async () => {
    const client = await connect({ client: false, server: true });
    const _dd_trace_context = { 'x-datadog-trace-id': '123', 'x-datadog-parent-id': '456', traceparent: 'x' };
    await client.callTool({ name: 'add', arguments: {}, _meta: { _dd_trace_context } });
    expect(spanOf(telemetry, 'tools/call add', SpanKind.SERVER).parentSpanContext).toBeUndefined();
    expect(seen[0]).toMatchObject({ _dd_trace_context });
    expect((await telemetry.hops())['mcp inbound started']).toBe(1);
  });
});
