import { Client as ClientV2, StreamableHTTPClientTransport as HttpClientV2 } from '@modelcontextprotocol/client';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as HttpClientV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { context, diag, propagation, SpanKind, trace } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { currentLineage, extractFields } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceClient, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

// An MCP server behind Express, both traced as their READMEs show it, on real sockets.

interface TestClient {
  connect(transport: never): Promise<void>;
  close(): Promise<void>;
  callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<{ content: { text?: string }[] }>;
}

interface TestTransport {
  terminateSession(): Promise<void>;
}

interface HttpOptions {
  readonly fetch?: typeof fetch;
}

interface Line {
  readonly sdk: string;
  client(): TestClient;
  transport(url: URL, options?: HttpOptions): TestTransport;
  handler(): (request: Request, response: Response) => Promise<void>;
}

const info = { name: 'test', version: '1.0.0' };
const tool = async () => {
  const { hops, path } = currentLineage() ?? {};
  const tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
  return { content: [{ type: 'text' as const, text: JSON.stringify({ hops, path: path?.length, tenant }) }] };
};

function serverV1(): McpServerV1 {
  const server = new McpServerV1(info);
  server.registerTool('where', { inputSchema: {} }, tool);
  return traceServer(server);
}

function serverV2(): McpServerV2 {
  const server = new McpServerV2(info);
  server.registerTool('where', { inputSchema: z.object({}) }, tool);
  server.registerTool('ask', { inputSchema: z.object({}) }, async (_, { mcpReq }) => {
    const { content } = await mcpReq.requestSampling({
      messages: [{ role: 'user', content: { type: 'text', text: 'why?' } }],
      maxTokens: 10,
    });
    return { content: [content as { type: 'text'; text: string }] };
  });
  return traceServer(server);
}

// A transport for each session.
function sessions(
  makeServer: () => { connect(transport: never): Promise<void> },
  Transport: typeof StreamableHTTPServerTransport | typeof NodeStreamableHTTPServerTransport,
): Line['handler'] {
  return () => {
    const open = new Map<string, InstanceType<typeof Transport>>();
    return async (request, response) => {
      let transport = open.get(String(request.headers['mcp-session-id']));
      if (transport === undefined) {
        transport = new Transport({
          sessionIdGenerator: randomUUID,
          onsessioninitialized: (id) => void open.set(id, transport as InstanceType<typeof Transport>),
        });
        await makeServer().connect(transport as never);
      }
      await transport.handleRequest(request as never, response, request.body);
    };
  };
}

const v1: Line = {
  sdk: 'SDK v1',
  client: () => new ClientV1(info) as unknown as TestClient,
  transport: (url, options) => new HttpClientV1(url, options),
  handler: sessions(serverV1, StreamableHTTPServerTransport),
};
const v2: Line = {
  sdk: 'SDK v2',
  client: () => new ClientV2(info) as unknown as TestClient,
  transport: (url, options) => new HttpClientV2(url, options),
  handler: sessions(serverV2, NodeStreamableHTTPServerTransport),
};
const modern: Line = {
  ...v2,
  sdk: 'SDK v2, revision 2026-07-28',
  client: () => new ClientV2(info, { versionNegotiation: { mode: 'auto' } }) as unknown as TestClient,
  handler: () => {
    const handle = toNodeHandler(createMcpHandler(serverV2));
    return (request, response) => handle(request as never, response, request.body);
  },
};

let telemetry: Telemetry;
let http: Server | undefined;
const received: { method: string; headers: IncomingHttpHeaders; rawHeaders: string[]; body: string }[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
  received.length = 0;
});
afterEach(async () => {
  vi.restoreAllMocks();
  http?.closeAllConnections();
  http?.close();
  await telemetry.shutdown();
});

async function serve({ handler }: Line): Promise<URL> {
  const app = express();
  app.use(traceContext());
  app.use(express.json(), (request, _response, next) => {
    received.push({
      method: request.method,
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body: JSON.stringify(request.body ?? null),
    });
    next();
  });
  const handle = handler();
  app.all('/mcp', (request, response) => handle(request, response));
  http = createServer(app);
  await new Promise<void>((resolve) => http?.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`);
}

/** Connects, calls a tool, ends the session and closes, all of it in one span of the test's own. Returns what the tool says. */
async function session(line: Line, options?: HttpOptions): Promise<{ hops: number; path: number; tenant?: string }> {
  const url = await serve(line);
  const text = await trace.getTracer('test').startActiveSpan('agent', async (agent) => {
    const transport = line.transport(url, options);
    const client = traceClient(line.client() as never) as unknown as TestClient;
    await client.connect(transport as never);
    const answer = await client.callTool({ name: 'where', arguments: {} });
    // The stream that the client opens by itself.
    if (line !== modern) await expect.poll(() => received.map(({ method }) => method)).toContain('GET');
    await transport.terminateSession();
    await client.close();
    agent.end();
    return answer.content[0]?.text ?? '';
  });
  const opened = received.length;
  await expect
    .poll(() => telemetry.spans().filter(({ kind, name }) => kind === SpanKind.SERVER && isHttp(name)).length)
    .toBe(opened);
  return JSON.parse(text) as { hops: number; path: number };
}

const isHttp = (name: string): boolean => /^(?:GET|POST|DELETE) /.test(name);
const roots = (): string[] =>
  telemetry
    .spans()
    .filter(({ parentSpanContext }) => parentSpanContext === undefined)
    .map(({ name }) => name)
    .toSorted();
const traces = (): Set<string> => new Set(telemetry.spans().map((span) => span.spanContext().traceId));
const nameOfParent = (span: ReadableSpan): string | undefined =>
  telemetry.spans().find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)?.name;
const named = (name: string, kind: SpanKind): ReadableSpan => {
  const found = telemetry.spans().filter((span) => span.name === name && span.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as ReadableSpan;
};
/** The HTTP request that brought a message of this method. */
const postOf = (method: string): (typeof received)[number] => {
  const found = received.filter(({ body }) => body.includes(`"${method}"`));
  expect(found).toHaveLength(1);
  return found[0] as (typeof received)[number];
};
const repeats = (seen: (typeof received)[number], header: string): number =>
  seen.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === header).length;

describe.each([v1, v2, modern])('$sdk, with a traced fetch on the transport', (line) => {
  test('all that a session does is one trace with one root', async () => {
    await session(line, { fetch: traceFetch() });
    expect(roots()).toEqual(['agent']);
    expect(traces().size).toBe(1);
    for (const seen of received) expect(repeats(seen, 'traceparent')).toBe(1);
  });

  test('the HTTP spans are between the two MCP spans, and the MCP spans stay parent and child', async () => {
    await session(line, { fetch: traceFetch() });
    const out = named('tools/call where', SpanKind.CLIENT);
    const into = named('tools/call where', SpanKind.SERVER);
    expect(into.parentSpanContext?.spanId).toBe(out.spanContext().spanId);
    const [link] = into.links;
    const post = telemetry.spans().find((span) => span.spanContext().spanId === link?.context.spanId);
    expect(post?.name).toBe('POST /mcp');
    expect(nameOfParent(post as ReadableSpan)).toBe('POST');
  });
});

describe.each([v1, v2])('$sdk, connected where no span is active', (line) => {
  async function connect(options?: HttpOptions): Promise<void> {
    const url = await serve(line);
    const client = traceClient(line.client() as never) as unknown as TestClient;
    await client.connect(line.transport(url, options) as never);
    await expect.poll(() => received.map(({ method }) => method)).toContain('GET');
    await client.close();
    await expect.poll(() => telemetry.spans().filter(({ name }) => name.endsWith(' /mcp')).length).toBe(3);
  }

  test('with a traced fetch the handshake is one trace: initialize, initialized, and the stream', async () => {
    await connect({ fetch: traceFetch() });
    expect(roots()).toEqual(['initialize']);
  });

  if (line === v2)
    test('with the SDK’s own all of it but the stream, which cannot be given headers', async () => {
      await connect();
      expect(roots()).toEqual(['GET /mcp', 'initialize']);
    });
});

describe.each([v1, v2, modern])('$sdk: a traced fetch and the message that it sends are one hop', (line) => {
  const lineage = { mode: 'enforce', maxHops: 1 } as const;

  test('so that the last hop of a chain is not refused', async () => {
    const url = await serve(line);
    const client = traceClient(line.client() as never, { lineage }) as unknown as TestClient;
    await client.connect(line.transport(url, { fetch: traceFetch(undefined, { lineage }) }) as never);
    const answer = await client.callTool({ name: 'where', arguments: {} });
    expect(JSON.parse(answer.content[0]?.text ?? '')).toMatchObject({ hops: 1 });
    const counted = /throughline\.lineage=[^,]+/;
    const { headers, body } = postOf('tools/call');
    expect(counted.exec(String(headers['baggage']))?.[0]).toBe(counted.exec(body)?.[0].split('"')[0]);
    await client.close();
  });

  test('in a chain that came in from elsewhere, with its baggage', async () => {
    const url = await serve(line);
    const client = traceClient(line.client() as never) as unknown as TestClient;
    await client.connect(line.transport(url, { fetch: traceFetch() }) as never);
    const came = extractFields({
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      baggage: 'tenant=blue,throughline.lineage=1.4.32.1.-.-.-',
    });
    const answer = await context.with(came, () => client.callTool({ name: 'where', arguments: {} }));
    expect(JSON.parse(answer.content[0]?.text ?? '')).toMatchObject({ hops: 5, tenant: 'blue' });
    expect(postOf('tools/call').headers['baggage']).toMatch(/throughline\.lineage=1\.5\.32.*tenant=blue/);
    await client.close();
  });
});

test('SDK v2: an answer to what the server asks is a POST in the trace', async () => {
  const url = await serve(v2);
  const client = new ClientV2(info, { capabilities: { sampling: {} } });
  client.setRequestHandler('sampling/createMessage', () => ({
    model: 'm',
    role: 'assistant',
    content: { type: 'text', text: 'because' },
  }));
  const traced = traceClient(client);
  await trace.getTracer('test').startActiveSpan('agent', async (agent) => {
    await traced.connect(new HttpClientV2(url));
    await expect.poll(() => received.map(({ method }) => method)).toContain('GET');
    const answer = await traced.callTool({ name: 'ask', arguments: {} });
    expect(answer.content).toEqual([{ type: 'text', text: 'because' }]);
    agent.end();
  });
  await traced.close();
  const [reply] = received.filter(({ body }) => body.includes('because'));
  expect(reply?.headers['traceparent']).toContain(
    named('sampling/createMessage', SpanKind.SERVER).spanContext().spanId,
  );
  expect(reply?.body).not.toContain('traceparent');
  expect(roots().filter((name) => name.startsWith('POST'))).toEqual([]);
});

describe.each([v2, modern])('$sdk, with the SDK’s own fetch or one that is not traced', (line) => {
  const plain: typeof fetch = (input, init) => fetch(input, init);

  test.each([
    ['its own', undefined],
    ['the user’s', { fetch: plain }],
  ])('%s: every POST continues the trace; only what the SDK sends without a message is a root', async (_, options) => {
    await session(line, options);
    expect(roots()).toEqual(line === modern ? ['agent'] : ['DELETE /mcp', 'GET /mcp', 'agent']);
    const call = postOf('tools/call');
    expect(call.headers['traceparent']).toContain(named('tools/call where', SpanKind.CLIENT).spanContext().spanId);
    expect(repeats(call, 'traceparent')).toBe(1);
  });

  test('the POST’s span is a child of the call’s CLIENT span, and linked by its SERVER span', async () => {
    await session(line);
    const out = named('tools/call where', SpanKind.CLIENT);
    const into = named('tools/call where', SpanKind.SERVER);
    expect(into.parentSpanContext?.spanId).toBe(out.spanContext().spanId);
    const post = telemetry.spans().find((span) => span.spanContext().spanId === into.links[0]?.context.spanId);
    expect(post?.name).toBe('POST /mcp');
    expect(post?.parentSpanContext?.spanId).toBe(out.spanContext().spanId);
  });

  test.each([
    ['its own', undefined],
    ['the user’s', { fetch: plain }],
  ])('%s: beside instrumentation-undici one traceparent is sent', async (_, options) => {
    const instrumentation = new UndiciInstrumentation();
    instrumentation.enable();
    try {
      await session(line, options);
      const call = postOf('tools/call');
      expect(repeats(call, 'traceparent')).toBe(1);
      expect(named('tools/call where', SpanKind.SERVER).spanContext().traceId).toBe(
        telemetry.find('agent').spanContext().traceId,
      );
      expect(roots().filter((name) => name.startsWith('POST'))).toEqual([]);
    } finally {
      instrumentation.disable();
    }
  });

  test('headers and _meta are one hop of the chain', async () => {
    expect(await session(line)).toMatchObject({ hops: 1 });
  });

  test('baggage goes in the headers as it goes in _meta: to a first party', async () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    const said = await context.with(propagation.setBaggage(context.active(), baggage), () => session(line));
    expect(said.tenant).toBe('blue');
    expect(postOf('tools/call').headers['baggage']).toMatch(/tenant=blue/);
  });
});

describe('SDK v2: headers that a caller asks for', () => {
  const theirs = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  async function call(headers: Record<string, string>, inSpan: boolean): Promise<(typeof received)[number]> {
    const url = await serve(v2);
    const client = traceClient(new ClientV2(info));
    await client.connect(new HttpClientV2(url));
    const options = Object.freeze({ headers: Object.freeze(headers) });
    const ask = () => client.callTool({ name: 'where', arguments: {} }, options);
    if (inSpan)
      await trace.getTracer('test').startActiveSpan('agent', async (agent) => {
        await ask();
        agent.end();
      });
    else await ask();
    await client.close();
    return postOf('tools/call');
  }

  test('stay, beside one set of fields: ours in a span', async () => {
    const { headers } = await call({ 'x-tenant': 'blue', TraceParent: theirs, tracestate: 'old=1' }, true);
    expect(headers['x-tenant']).toBe('blue');
    expect(headers['traceparent']).toContain(named('tools/call where', SpanKind.CLIENT).spanContext().spanId);
    expect(headers).not.toHaveProperty('tracestate');
  });

  test('and without a span theirs is the parent of the call, so that a gateway stays in the chain', async () => {
    const { headers } = await call({ traceparent: theirs, tracestate: 'old=1' }, false);
    const out = named('tools/call where', SpanKind.CLIENT);
    expect(out.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(out.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(headers['traceparent']).toContain(out.spanContext().spanId);
    expect(headers['tracestate']).toBe('old=1');
  });
});

describe('SDK v1, with the SDK’s own fetch', () => {
  test('each HTTP request is a root, which is told once', async () => {
    const told = vi.spyOn(diag, 'warn');
    (globalThis as { [key: symbol]: Set<string> | undefined })[Symbol.for('throughline.warnings')]?.clear();
    await session(v1);
    expect(roots()).toEqual(['DELETE /mcp', 'GET /mcp', 'POST /mcp', 'POST /mcp', 'POST /mcp', 'agent']);
    expect(named('tools/call where', SpanKind.SERVER).spanContext().traceId).toBe(
      telemetry.find('agent').spanContext().traceId,
    );
    const lines = told.mock.calls.map(([line]) => line).filter((line) => line.includes('traceFetch()'));
    expect(lines).toHaveLength(1);
  });

  test('nothing is told of a traced fetch', async () => {
    const told = vi.spyOn(diag, 'warn');
    (globalThis as { [key: symbol]: Set<string> | undefined })[Symbol.for('throughline.warnings')]?.clear();
    await session(v1, { fetch: traceFetch() });
    expect(told.mock.calls).toEqual([]);
  });
});
