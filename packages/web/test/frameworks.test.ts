import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { trace } from '@opentelemetry/api';
import { traceFetch } from '@throughline/fetch';
import { traceClient, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { traceHandler } from '../src/index.ts';
import { onlySpan, serveWeb, TRACE_ID, TRACEPARENT } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
afterEach(() => telemetry.reset());

describe('a route handler of Next.js', () => {
  interface NextRequestLike extends Request {
    readonly nextUrl: URL;
  }
  interface RouteContext {
    readonly params: Promise<{ id: string }>;
  }

  const handler = async (_request: NextRequestLike, { params }: RouteContext): Promise<Response> => {
    const { id } = await params;
    if (id === 'moved') throw Object.assign(new Error('NEXT_REDIRECT'), { digest: 'NEXT_REDIRECT;replace;/a;b;307;' });
    if (id === 'none') throw Object.assign(new Error('none'), { digest: 'NEXT_HTTP_ERROR_FALLBACK;404' });
    if (id === 'fail') throw new RangeError('no plan');
    return Response.json({ id, trace: trace.getActiveSpan()?.spanContext().traceId });
  };
  const GET = traceHandler(handler, { route: () => '/api/plans/[id]' });

  const ask = (id: string): Promise<Response> =>
    GET(
      new Request(`http://planner.internal/api/plans/${id}`, {
        headers: { traceparent: TRACEPARENT },
      }) as NextRequestLike,
      { params: Promise.resolve({ id }) },
    );

  it('has the type that it had, and its own arguments', async () => {
    expectTypeOf(GET).toEqualTypeOf(handler);
    expect(await (await ask('7')).json()).toEqual({ id: '7', trace: TRACE_ID });
    expect(onlySpan(telemetry)).toMatchObject({
      name: 'GET /api/plans/[id]',
      attributes: {
        'http.route': '/api/plans/[id]',
        'url.path': '/api/plans/7',
        'server.address': 'planner.internal',
        'http.response.status_code': 200,
      },
    });
  });

  it.each([
    ['moved', 307],
    ['none', 404],
  ])('that answers by throwing, as redirect() and notFound() do, is no error: %s', async (id, status) => {
    await expect(ask(id)).rejects.toHaveProperty('digest');
    expect(onlySpan(telemetry)).toMatchObject({
      status: { code: 0 },
      events: [],
      attributes: { 'http.response.status_code': status },
    });
  });

  it('that throws is one, by its class; the status is what Next.js makes of it', async () => {
    await expect(ask('fail')).rejects.toThrow('no plan');
    const span = onlySpan(telemetry);
    expect(span).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'RangeError' } });
    expect(span.attributes).not.toHaveProperty('http.response.status_code');
    expect(span.events).toMatchObject([{ name: 'exception' }]);
  });
});

it('createMcpHandler of MCP v2 serves a client in one trace', async () => {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'tools', version: '1.0.0' });
    server.registerTool('where', { description: 'says where it runs' }, () => ({
      content: [{ type: 'text', text: trace.getActiveSpan()?.spanContext().traceId ?? '' }],
    }));
    return traceServer(server);
  });
  const served = await serveWeb(traceHandler(handler.fetch.bind(handler), { route: () => '/mcp' }));
  const client = traceClient(new Client({ name: 'agent', version: '1.0.0' }));
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(`${served.url}/mcp`), { fetch: traceFetch() }));
    await telemetry.reset();
    const asking = trace.getTracer('test').startActiveSpan('question', async (span) => {
      const result = await client.callTool({ name: 'where' });
      span.end();
      return { result, traceId: span.spanContext().traceId };
    });
    const { result, traceId } = await asking;
    expect(result.content).toEqual([{ type: 'text', text: traceId }]);
    await expect.poll(() => telemetry.spans().map(({ name }) => name)).toContain('POST /mcp');
    const spans = telemetry.spans().filter((span) => span.spanContext().traceId === traceId);
    const names = spans.map(({ name, kind }) => `${kind} ${name}`);
    expect(names).toEqual(
      expect.arrayContaining(['2 tools/call where', '2 POST', '1 POST /mcp', '1 tools/call where', '0 question']),
    );
    const post = spans.find(({ name }) => name === 'POST /mcp');
    expect(post?.parentSpanContext?.spanId).toBe(spans.find(({ name }) => name === 'POST')?.spanContext().spanId);
  } finally {
    await client.close();
    await handler.close?.();
    await served.close();
  }
});

describe('what servers say of a connection beside the request', () => {
  const handler = traceHandler((_request: Request, _beside?: unknown): Response => new Response(null));
  const request = (): Request => new Request('https://planner.internal:8443/plan');

  it('Deno', () => {
    handler(request(), { remoteAddr: { transport: 'tcp', hostname: '10.0.0.7', port: 4711 } });
    expect(onlySpan(telemetry).attributes).toMatchObject({
      'client.address': '10.0.0.7',
      'network.peer.address': '10.0.0.7',
      'network.peer.port': 4711,
      'server.port': 8443,
      'url.scheme': 'https',
    });
  });

  it('Bun', () => {
    const server = {
      address: '10.0.0.8',
      requestIP(this: { address: string }) {
        return { address: this.address, family: 'IPv4', port: 4712 };
      },
    };
    handler(request(), server);
    expect(onlySpan(telemetry).attributes).toMatchObject({
      'client.address': '10.0.0.8',
      'network.peer.port': 4712,
    });
  });

  it.each([
    ['nothing', undefined],
    ['a binding of a Worker', { KV: {} }],
    ['what throws when it is looked at', new Proxy({}, { get: () => { throw new Error('no'); } })], // prettier-ignore
  ])('%s', (_, beside) => {
    handler(request(), beside);
    expect(onlySpan(telemetry).attributes).not.toHaveProperty('client.address');
  });
});
