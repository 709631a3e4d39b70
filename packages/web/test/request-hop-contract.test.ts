import { EventEmitter, once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { Hono } from 'hono';
import type { Context } from 'hono';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { traceContext } from '../src/hono/index.ts';
import { traceHandler } from '../src/index.ts';
import type { WebHandler } from '../src/index.ts';
import { onlySpan, serveWeb, SPAN_ID, TRACE_ID, TRACEPARENT } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
afterEach(() => telemetry.reset());

/** Asks over a socket, and without a server, where nothing lies beside the request. */
async function asking(fetch: WebHandler, path: string): Promise<string[]> {
  const served = await serveWeb(fetch);
  try {
    await telemetry.reset();
    expect((await served.ask(path, { headers: { traceparent: TRACEPARENT } })).status).toBe(200);
    const bySocket = telemetry.spans().map(({ name }) => name);
    await telemetry.reset();
    const answer = await fetch(new Request(`${served.url}${path}`, { headers: { traceparent: TRACEPARENT } }));
    await answer?.text();
    expect(telemetry.spans().map(({ name }) => name)).toEqual(bySocket);
    return bySocket;
  } finally {
    await served.close();
  }
}

describe('a request that a handler makes is a hop of its own', () => {
  const tools = (): Hono => {
    const app = new Hono();
    app.use('*', traceContext());
    app.get('/tools/:tool', (c) => c.text('tool'));
    return app;
  };
  const inner = (c: Context, path = '/tools/7'): Request =>
    new Request(new URL(path, c.req.url), { headers: c.req.raw.headers });

  it.each([
    ['by `app.request`', (c: Context) => tools().request(inner(c))],
    ['with what lies beside the outer one', (c: Context) => tools().fetch(inner(c), c.env)],
  ])('%s, also with its headers and the end of its path', async (_, make) => {
    const app = new Hono();
    app.use('*', traceContext());
    app.get('/agents/tools/:tool', make);
    expect(await asking(app.fetch, '/agents/tools/7')).toEqual(['GET /tools/:tool', 'GET /agents/tools/:tool']);
  });

  it('below one that is mounted', async () => {
    const app = new Hono();
    app.use('*', traceContext());
    const mounted = new Hono();
    mounted.use('*', traceContext());
    mounted.get('/agents/tools/:tool', (c) => tools().request(inner(c)));
    app.mount('/mnt', mounted.fetch);
    expect(await asking(app.fetch, '/mnt/agents/tools/7')).toEqual(['GET /tools/:tool', 'GET /mnt/agents/tools/:tool']);
  });

  it('by middleware, on its way', async () => {
    const app = new Hono();
    app.use('*', traceContext());
    app.use('*', async (c, next) => {
      await tools().request(inner(c));
      await next();
    });
    app.get('/agents/tools/:tool', (c) => c.text('agent'));
    expect(await asking(app.fetch, '/agents/tools/7')).toEqual(['GET /tools/:tool', 'GET /agents/tools/:tool']);
  });

  it('of another host, with the same path', async () => {
    const app = new Hono();
    app.use('*', traceContext());
    app.get('/tools/:tool', (c) => tools().request(inner(c, 'http://tools.internal/tools/7')));
    expect(await asking(app.fetch, '/tools/7')).toEqual(['GET /tools/:tool', 'GET /tools/:tool']);
  });

  it('with a path of its own on its span, below the outer one', async () => {
    const app = new Hono();
    app.use('*', traceContext());
    app.get('/agents/tools/:tool', async (c) => tools().fetch(inner(c), c.env));
    const served = await serveWeb(app.fetch);
    try {
      await served.ask('/agents/tools/7', { headers: { traceparent: TRACEPARENT } });
      const [inside, outside] = telemetry.spans();
      expect(inside?.spanContext().traceId).toBe(outside?.spanContext().traceId);
      expect(telemetry.spans().map(({ attributes }) => attributes['url.path'])).toEqual([
        '/tools/7',
        '/agents/tools/7',
      ]);
    } finally {
      await served.close();
    }
  });
});

describe('a request that is handed on is one hop', () => {
  const tools = (): Hono => {
    const app = new Hono();
    app.use('*', traceContext());
    app.get('/', (c) => c.text('all'));
    app.get('/tools/:tool', (c) => c.text('tool'));
    return app;
  };

  it.each(['/mnt', '/mnt/tools/7', '/mnt/tools/7?q=1'])('to what is mounted: %s', async (path) => {
    const app = new Hono();
    app.use('*', traceContext());
    app.mount('/mnt', tools().fetch);
    expect(await asking(app.fetch, path)).toHaveLength(1);
  });

  it('to what is mounted in what is mounted, traced or not', async () => {
    for (const between of [new Hono(), new Hono().use('*', traceContext())]) {
      const app = new Hono();
      app.use('*', traceContext());
      between.mount('/inner', tools().fetch);
      app.mount('/mnt', between.fetch);
      expect(await asking(app.fetch, '/mnt/inner/tools/7')).toHaveLength(1);
    }
  });

  it('to what is mounted in an application that is traced as a handler', async () => {
    const app = new Hono();
    app.mount('/mnt', tools().fetch);
    expect(await asking(traceHandler(app.fetch), '/mnt/tools/7')).toHaveLength(1);
  });

  it('to a second application that a first one has mounted, and then a third', async () => {
    const app = new Hono();
    app.use('*', traceContext());
    app.mount('/mnt', (() => undefined) as never);
    app.mount('/mnt/tools', tools().fetch);
    app.mount('/mnt', tools().fetch);
    expect(await asking(app.fetch, '/mnt/tools/tools/7')).toHaveLength(1);
  });
});

it('of the errors of applications in each other the last counts, as in Express', async () => {
  const app = new Hono();
  app.use('*', traceContext());
  app.use('*', async (_c, next) => {
    await next();
    throw new TypeError('outer');
  });
  const mounted = new Hono();
  mounted.use('*', traceContext());
  mounted.get('/', () => {
    throw new RangeError('inner');
  });
  mounted.onError((error, c) => c.text(error.message, 500));
  app.mount('/mnt', mounted.fetch);
  app.onError((error, c) => c.text(error.message, 500));
  const served = await serveWeb(app.fetch);
  try {
    expect(await served.ask('/mnt')).toMatchObject({ status: 500, body: 'outer' });
    expect(onlySpan(telemetry).attributes['error.type']).toBe('TypeError');
  } finally {
    await served.close();
  }
});

describe('over HTTP/2', () => {
  const gate = new EventEmitter();
  let close: (() => Promise<unknown>) | undefined;
  afterEach(async () => {
    await close?.();
    close = undefined;
  });

  async function connect(handler: WebHandler): Promise<http2.ClientHttp2Session> {
    const server = http2.createServer(getRequestListener(handler, { overrideGlobalObjects: false }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    session.on('error', () => {});
    close = async () => {
      session.destroy();
      server.close();
      await once(server, 'close');
    };
    return session;
  }

  const traced = traceHandler(async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === '/slow') {
      gate.emit('reached');
      return new Promise(() => {});
    }
    if (pathname === '/large') return new Response(new Uint8Array(10_000_000));
    if (pathname === '/endless') {
      return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1000)) }));
    }
    return new Response('text');
  });

  it('an exchange is one span, of protocol version 2', async () => {
    const stream = (await connect(traced)).request({ ':path': '/', traceparent: TRACEPARENT });
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    expect(body).toBe('text');
    await expect.poll(() => telemetry.spans()).toHaveLength(1);
    const span = onlySpan(telemetry);
    expect(span.parentSpanContext).toMatchObject({ traceId: TRACE_ID, spanId: SPAN_ID });
    expect(span.attributes).toMatchObject({ 'network.protocol.version': '2', 'http.response.status_code': 200 });
    expect(span.attributes).not.toHaveProperty('throughline.aborted');
  });

  it.each(['/slow', '/endless'])('a stream that the caller resets is aborted, and no error: %s', async (path) => {
    const session = await connect(traced);
    const reached = path === '/slow' ? once(gate, 'reached') : undefined;
    const stream = session.request({ ':path': path });
    stream.on('error', () => {});
    await (reached ?? once(stream, 'data'));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await expect.poll(() => telemetry.spans()).toHaveLength(1);
    expect(onlySpan(telemetry)).toMatchObject({ status: { code: 0 }, attributes: { 'throughline.aborted': true } });
  });
});
