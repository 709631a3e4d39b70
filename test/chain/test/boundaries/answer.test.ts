import { SpanKind } from '@opentelemetry/api';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { publicEdge } from '@throughline/core';
import type { HopOptions } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceInterceptor } from '@throughline/fetch/undici';
import { traceClient, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import { fileURLToPath } from 'node:url';
import { fetch as undiciFetch, request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listen, loopbackAgent } from './loopback.ts';
import type { Listening } from './loopback.ts';
import { echoServer, sessions } from './mcp-services.ts';

const agent = loopbackAgent();
let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(async () => {
  await agent.close();
  await telemetry.shutdown();
});

const linkedFrom = (span: ReadableSpan): string[] => span.links.map(({ context }) => context.spanId);
const idOf = (span: ReadableSpan): string => span.spanContext().spanId;

/** The spans of both ends of the one call that was made. */
function ends(): { out: ReadableSpan; into: ReadableSpan } {
  const of = (kind: SpanKind): ReadableSpan => {
    const found = telemetry.spans().filter((span) => span.kind === kind && !/initialize|list/.test(span.name));
    expect(found).toHaveLength(1);
    return found[0] as ReadableSpan;
  };
  return { out: of(SpanKind.CLIENT), into: of(SpanKind.SERVER) };
}

function expectLinkedBothWays(): void {
  const { out, into } = ends();
  expect(into.spanContext().traceId).not.toBe(out.spanContext().traceId);
  expect(linkedFrom(into)).toEqual([idOf(out)]);
  expect(linkedFrom(out)).toEqual([idOf(into)]);
}

/** A boundary that restarts, and tells first parties. */
const restarting: HopOptions = { inbound: 'restart-with-link' };

describe('over HTTP', () => {
  let server: Listening;
  afterEach(() => server.close());

  async function serve(options: HopOptions): Promise<void> {
    const app = express();
    app.use(traceContext(options));
    app.get('/old', (_request, response) => response.redirect('/new'));
    app.use((_request, response) => void response.json({}));
    server = await listen(app);
  }
  const url = (host: string, path = '/new'): string => `http://${host}:${server.port}${path}`;
  const ask = async (
    host: string,
    options?: HopOptions,
    headers: Record<string, string> = {},
  ): Promise<string | null> => {
    const response = await traceFetch(undiciFetch, options)(url(host), { headers, dispatcher: agent });
    await response.text();
    return response.headers.get('traceresponse');
  };

  test('a chain that was cut at a boundary is found from either end', async () => {
    await serve(restarting);
    const answer = await ask('127.0.0.1');
    const { into } = ends();
    expect(answer).toBe(`00-${into.spanContext().traceId}-${idOf(into)}-01`);
    expectLinkedBothWays();
  });

  test('over an undici dispatcher too', async () => {
    await serve(restarting);
    const { body } = await request(url('127.0.0.1'), { dispatcher: agent.compose(traceInterceptor()) });
    await body.dump();
    expectLinkedBothWays();
  });

  test('and over the dispatcher of Node’s own fetch, whose handlers are those of undici 6', async () => {
    await serve(restarting);
    const dispatcher = agent.compose(traceInterceptor());
    await (await fetch(url('127.0.0.1'), { dispatcher } as RequestInit)).text();
    expectLinkedBothWays();
  });

  test('a caller that comes through a proxy is not told', async () => {
    await serve(restarting);
    expect(await ask('127.0.0.1', {}, { 'x-forwarded-for': '203.0.113.9' })).toBeNull();
    expect(linkedFrom(ends().out)).toEqual([]);
  });

  test('where `authenticated` is given, a caller that is not is not told', async () => {
    await serve({ ...restarting, authenticated: () => false });
    expect(await ask('127.0.0.1')).toBeNull();
  });

  test('at a public edge nobody is told: behind a proxy everybody comes from a private address', async () => {
    await serve(publicEdge());
    expect(await ask('127.0.0.1')).toBeNull();
    expect(linkedFrom(ends().out)).toEqual([]);
  });

  test("under `answer: 'authenticated'` callers are told that are authenticated, and nobody else", async () => {
    const authenticated: HopOptions['authenticated'] = ({ headers }) => headers.get('x-key') === 'good';
    await serve({ ...restarting, authenticated, answer: 'authenticated' });
    expect(await ask('127.0.0.1')).toBeNull();
    await telemetry.reset();
    expect(await ask('127.0.0.1', { answer: 'authenticated' }, { 'x-key': 'good' })).not.toBeNull();
    expectLinkedBothWays();
    await server.close();
    await serve({ ...restarting, answer: 'authenticated' });
    expect(await ask('127.0.0.1')).toBeNull();
  });

  test('a continued trace needs no answer', async () => {
    await serve({});
    expect(await ask('127.0.0.1')).toBeNull();
  });

  test('`answer` turns it off, and on', async () => {
    await serve(publicEdge({ answer: false }));
    expect(await ask('127.0.0.1')).toBeNull();
    await server.close();
    await serve(publicEdge({ answer: true }));
    expect(await ask('127.0.0.1', {}, { 'x-forwarded-for': '203.0.113.9' })).not.toBeNull();
  });

  test('a third party’s answer is not linked', async () => {
    await serve(publicEdge({ answer: true }));
    expect(await ask('hooks.example.org')).not.toBeNull();
    expect(linkedFrom(ends().out)).toEqual([]);
  });

  test('what a redirect led to does not answer for the server that was called', async () => {
    await serve(restarting);
    const response = await traceFetch(undiciFetch)(url('127.0.0.1', '/old'), { dispatcher: agent });
    await response.text();
    const out = telemetry.spans().find((span) => span.kind === SpanKind.CLIENT) as ReadableSpan;
    expect(linkedFrom(out)).toEqual([]);
  });

  test('an answer from outside is anything: nothing of it harms', async () => {
    server = await listen((_request, response) => {
      response.setHeader('traceresponse', ['00-x', `00-${'f'.repeat(32)}-${'f'.repeat(16)}-01`]);
      response.end();
    });
    await ask('127.0.0.1');
    const out = telemetry.spans().find((span) => span.kind === SpanKind.CLIENT) as ReadableSpan;
    expect(linkedFrom(out)).toEqual([]);
  });
});

describe('over MCP', () => {
  let client: Client;
  beforeEach(() => {
    client = traceClient(new Client({ name: 'analyst', version: '1.0.0' }), { firstParty: true });
  });
  afterEach(() => client.close());

  test('in memory', async () => {
    const [near, far] = InMemoryTransport.createLinkedPair();
    await traceServer(echoServer(), restarting).connect(far);
    await client.connect(near);
    await telemetry.reset();
    const result = await client.callTool({ name: 'echo' });
    const { into } = ends();
    expect(result._meta).toEqual({ traceresponse: `00-${into.spanContext().traceId}-${idOf(into)}-01` });
    expectLinkedBothWays();
  });

  test('over stdio, from a process of its own', async () => {
    const script = fileURLToPath(new URL('services/stdio-restarting.ts', import.meta.url));
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [script] }));
    await telemetry.reset();
    const { _meta: meta } = await client.callTool({ name: 'echo' });
    expect(meta?.['traceresponse']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    const [link] = telemetry.find('tools/call echo').links;
    expect(`00-${link?.context.traceId}-${link?.context.spanId}-01`).toBe(meta?.['traceresponse']);
  });

  test('over HTTP, to a caller whose HTTP request was seen to come from a private address', async () => {
    const app = express();
    // `answer` makes the middleware look at who asks.
    app.use(traceContext({ ...restarting, spans: false }));
    app.use(sessions(() => traceServer(echoServer(), restarting)));
    const server = await listen(app);
    try {
      await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${server.port}/mcp`)));
      await telemetry.reset();
      await client.callTool({ name: 'echo' });
      expectLinkedBothWays();
      await client.close();
    } finally {
      await server.close();
    }
  });

  test('over HTTP, not to a caller of whom nothing is known', async () => {
    const server = await listen(sessions(() => traceServer(echoServer(), restarting)));
    try {
      await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${server.port}/mcp`)));
      await telemetry.reset();
      const result = await client.callTool({ name: 'echo' });
      expect(result._meta?.['traceresponse']).toBeUndefined();
      expect(linkedFrom(ends().out)).toEqual([]);
      await client.close();
    } finally {
      await server.close();
    }
  });
});

test('a restarted trace is answered before the handler runs, so a stream that begins at once has it', async () => {
  const app = express();
  app.use(traceContext(restarting));
  app.use((_request, response) => {
    response.flushHeaders();
    setImmediate(() => response.end('late'));
  });
  const server = await listen(app);
  const response = await traceFetch(undiciFetch)(`http://127.0.0.1:${server.port}/`, { dispatcher: agent });
  expect(response.headers.get('traceresponse')).not.toBeNull();
  await response.text();
  await server.close();
});
