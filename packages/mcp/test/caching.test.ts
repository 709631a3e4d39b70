import { toNodeHandler } from '@modelcontextprotocol/node';
import { Client, InMemoryResponseCacheStore, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { CacheMode, ClientOptions } from '@modelcontextprotocol/client';
import { createMcpHandler, InMemoryTransport, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport as MemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SpanKind } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { traceClient, traceServer } from '../src/index.ts';
import { serve } from './loopback.ts';
import { activeSpanId, inSpan, parentOf, spanOf } from './spans.ts';

// What a client may keep, and how long: a call that it answers by itself is no hop.
const spec = 'https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching';
const info = { name: 'library', version: '1.0.0' };

let telemetry: Telemetry;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

const cacheable: readonly { method: string; send: (client: Client, cacheMode?: CacheMode) => Promise<unknown> }[] = [
  { method: 'tools/list', send: (client, cacheMode = 'use') => client.listTools(undefined, { cacheMode }) },
  { method: 'prompts/list', send: (client, cacheMode = 'use') => client.listPrompts(undefined, { cacheMode }) },
  { method: 'resources/list', send: (client, cacheMode = 'use') => client.listResources(undefined, { cacheMode }) },
  {
    method: 'resources/templates/list',
    send: (client, cacheMode = 'use') => client.listResourceTemplates(undefined, { cacheMode }),
  },
  {
    method: 'resources/read',
    send: (client, cacheMode = 'use') => client.readResource({ uri: 'test://x' }, { cacheMode }),
  },
];

function makeServer(ttlMs: number): McpServer {
  const hint = { ttlMs, cacheScope: 'public' as const };
  const server = new McpServer(info, {
    capabilities: { tools: { listChanged: true } },
    cacheHints: Object.fromEntries(cacheable.map(({ method }) => [method, hint])),
  });
  const read = (uri: URL) => ({ contents: [{ uri: uri.href, text: 'x' }] });
  server.registerTool('add', { inputSchema: z.object({}), outputSchema: z.object({ sum: z.number() }) }, () => ({
    content: [],
    structuredContent: { sum: 3 },
  }));
  server.registerPrompt('greet', {}, () => ({ messages: [] }));
  server.registerResource('x', 'test://x', {}, read);
  server.registerResource('some', new ResourceTemplate('test://some/{id}', { list: undefined }), {}, read);
  return traceServer(server);
}

interface Connected {
  readonly client: Client;
  readonly server: McpServer | undefined;
  /** The methods of the messages that the client sent since it is connected. */
  readonly sent: string[];
}

/** A line of SDK v2, and how its client comes to know for how long it may keep a result. */
interface Line {
  readonly name: string;
  connect(options?: { readonly ttlMs?: number; readonly store?: InMemoryResponseCacheStore }): Promise<Connected>;
}

function makeClient(options: ClientOptions, store: InMemoryResponseCacheStore | undefined): Client {
  return traceClient(new Client(info, { ...options, ...(store && { responseCacheStore: store }) }));
}

const legacy: Line = {
  name: 'SDK v2',
  // Answers of the 2025-11-25 revision say nothing about caching: it is the client's own matter.
  async connect({ ttlMs = 60_000, store } = {}) {
    const client = makeClient({ defaultCacheTtlMs: ttlMs }, store);
    const server = makeServer(0);
    const sent: string[] = [];
    const [near, far] = InMemoryTransport.createLinkedPair();
    const { send } = near;
    near.send = (message, options) => {
      if ('method' in message) sent.push(message.method);
      return send.call(near, message, options);
    };
    await server.connect(far);
    await client.connect(near);
    cleanups.push(() => client.close());
    await telemetry.reset();
    sent.length = 0;
    return { client, server, sent };
  },
};

const modern: Line = {
  name: 'SDK v2, revision 2026-07-28',
  async connect({ ttlMs = 60_000, store } = {}) {
    const handle = toNodeHandler(createMcpHandler(() => makeServer(ttlMs)));
    const served = await serve((request, response) => handle(request as never, response));
    const client = makeClient({ versionNegotiation: { mode: 'auto' } }, store);
    const sent: string[] = [];
    const recording: typeof fetch = (input, init) => {
      if (typeof init?.body === 'string') sent.push((JSON.parse(init.body) as { method: string }).method);
      return fetch(input, init);
    };
    await client.connect(new StreamableHTTPClientTransport(served.url, { fetch: recording }));
    cleanups.push(
      () => served.close(),
      () => client.close(),
    );
    await telemetry.reset();
    sent.length = 0;
    return { client, server: undefined, sent };
  },
};

const names = (): string[] => telemetry.spans().map(({ name }) => name);

describe.each([legacy, modern])('$name: a result that the client keeps', ({ connect }) => {
  test.each(cacheable)(
    `of $method has spans when it is asked for, and none when it is kept: ${spec}#cacheable-results`,
    async ({ method, send }) => {
      const { client, sent } = await connect();
      const first = await inSpan('first', () => send(client));
      const out = spanOf(telemetry, method, SpanKind.CLIENT);
      expect(parentOf(out)).toBe(telemetry.find('first').spanContext().spanId);
      expect(parentOf(spanOf(telemetry, method, SpanKind.SERVER))).toBe(out.spanContext().spanId);
      await telemetry.reset();

      const context: unknown[] = [];
      const again = await inSpan('second', async () => {
        const kept = await send(client);
        context.push(activeSpanId());
        return kept;
      });
      expect(again).toEqual(first);
      expect(names()).toEqual(['second']);
      expect(context).toEqual([telemetry.find('second').spanContext().spanId]);
      expect(await telemetry.hops()).toEqual({});
      expect(sent).toEqual([method]);
    },
  );

  test.each(cacheable)('of $method is asked for by whoever wants a new one, in their own trace', async (row) => {
    const { client, sent } = await connect();
    await inSpan('first', () => row.send(client));
    await telemetry.reset();
    await inSpan('second', () => row.send(client, 'refresh'));
    const out = spanOf(telemetry, row.method, SpanKind.CLIENT);
    expect(parentOf(out)).toBe(telemetry.find('second').spanContext().spanId);
    expect(parentOf(spanOf(telemetry, row.method, SpanKind.SERVER))).toBe(out.spanContext().spanId);
    expect(sent).toEqual([row.method, row.method]);
  });

  test(`that is stale at once is asked for each time: ${spec}#time-to-live-ttl-field`, async () => {
    const { client, sent } = await connect({ ttlMs: 0 });
    await inSpan('first', () => client.listTools());
    await telemetry.reset();
    await inSpan('second', () => client.listTools());
    expect(parentOf(spanOf(telemetry, 'tools/list', SpanKind.CLIENT))).toBe(
      telemetry.find('second').spanContext().spanId,
    );
    expect(sent).toEqual(['tools/list', 'tools/list']);
  });

  test('of a client that asked before is no hop of another one that shares its store', async () => {
    const store = new InMemoryResponseCacheStore();
    const one = await connect({ store });
    await one.client.listTools();
    const other = await connect({ store });
    const { tools } = await inSpan('second', () => other.client.listTools());
    expect(tools.map(({ name }) => name)).toEqual(['add']);
    expect(names()).toEqual(['second']);
    expect(other.sent).toEqual([]);
  });

  test('checks what a tool answers, with no hop but that of the call', async () => {
    const { client, sent } = await connect();
    await client.listTools();
    await telemetry.reset();
    await inSpan('agent', () => client.callTool({ name: 'add', arguments: {} }));
    expect(names().toSorted()).toEqual(['agent', 'tools/call add', 'tools/call add']);
    expect(sent).toEqual(['tools/list', 'tools/call']);
  });
});

describe('SDK v2: a result that the client keeps', () => {
  test(`is asked for again after news of a change, in the trace of whoever asks: ${spec}#interaction-with-notifications`, async () => {
    const { client, server, sent } = await legacy.connect();
    await inSpan('first', () => client.listTools());
    await inSpan('changer', async () => server?.sendToolListChanged());
    await telemetry.reset();
    await inSpan('second', () => client.listTools());
    expect(parentOf(spanOf(telemetry, 'tools/list', SpanKind.CLIENT))).toBe(
      telemetry.find('second').spanContext().spanId,
    );
    expect(sent).toEqual(['tools/list', 'tools/list']);
  });
});

describe('SDK v2, revision 2026-07-28: a server that the client has discovered before', () => {
  test(`is not discovered again, and has no span for it: ${spec}#cacheable-results`, async () => {
    const { client } = await modern.connect();
    const discover = client.getDiscoverResult();
    expect(discover).toBeDefined();
    const handle = toNodeHandler(createMcpHandler(() => makeServer(0)));
    const served = await serve((request, response) => handle(request as never, response));
    cleanups.push(() => served.close());
    const again = traceClient(new Client(info));
    await inSpan('agent', () =>
      again.connect(new StreamableHTTPClientTransport(served.url), {
        prior: { kind: 'modern', discover: discover as NonNullable<typeof discover> },
      }),
    );
    cleanups.push(() => again.close());
    expect(names()).toEqual(['agent']);
    expect(await telemetry.hops()).toEqual({});
    await again.listTools();
    expect(spanOf(telemetry, 'tools/list', SpanKind.CLIENT).attributes['mcp.protocol.version']).toBe('2026-07-28');
  });
});

// SDK v1 keeps no result, only what it needs of a list of tools to check what they answer.
describe('SDK v1: what the client keeps of a list of tools', () => {
  test('checks what a tool answers, with no hop but that of the call; the next list is asked for', async () => {
    const server = new McpServerV1(info);
    server.registerTool('add', { outputSchema: { sum: z.number() } }, () => ({
      content: [],
      structuredContent: { sum: 3 },
    }));
    const client = traceClient(new ClientV1(info));
    const [near, far] = MemoryV1.createLinkedPair();
    await traceServer(server).connect(far);
    await client.connect(near);
    cleanups.push(() => client.close());
    await client.listTools();
    await telemetry.reset();
    await inSpan('agent', () => client.callTool({ name: 'add', arguments: {} }));
    expect(names().toSorted()).toEqual(['agent', 'tools/call add', 'tools/call add']);
    await telemetry.reset();
    await inSpan('second', () => client.listTools());
    expect(parentOf(spanOf(telemetry, 'tools/list', SpanKind.CLIENT))).toBe(
      telemetry.find('second').spanContext().spanId,
    );
  });
});
