import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext } from '../src/index.ts';
import { onlySpan, serve, SPAN_ID, TRACE_ID, TRACEPARENT, versions } from './serve.ts';
import type { Express, Request, Served } from './serve.ts';

let telemetry: Telemetry;
let served: Served | undefined;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await served?.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

describe.each(versions)('the span of a request, $name', ({ express }) => {
  async function start(build: (app: Express) => void, options?: Parameters<typeof traceContext>[0]): Promise<Served> {
    const app = express();
    app.use(traceContext(options));
    build(app);
    served = await serve(app);
    return served;
  }

  test('continues the caller’s trace in a SERVER span of the HTTP conventions', async () => {
    const { ask, port } = await start((app) => app.get('/users/:id', (_req, res) => void res.json({})), {
      agent: 'planner',
    });
    await ask('/users/42?full=yes&b', { headers: { traceparent: TRACEPARENT, 'user-agent': 'test/1' } });
    const span = onlySpan(telemetry);
    expect(span.kind).toBe(SpanKind.SERVER);
    expect(span.name).toBe('GET /users/:id');
    expect(span.spanContext().traceId).toBe(TRACE_ID);
    expect(span.parentSpanContext?.spanId).toBe(SPAN_ID);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.instrumentationScope.name).toBe('@throughline/express');
    expect(span.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'http.route': '/users/:id',
      'url.scheme': 'http',
      'url.path': '/users/42',
      'url.query': 'full=yes&b',
      'server.address': '127.0.0.1',
      'server.port': port,
      'client.address': '127.0.0.1',
      'network.peer.address': '127.0.0.1',
      'network.peer.port': expect.any(Number),
      'network.protocol.version': '1.1',
      'user_agent.original': 'test/1',
      'throughline.agent.name': 'planner',
      'throughline.calls': 0,
    });
    expect(await telemetry.hops()).toEqual({ 'http inbound continued': 1 });
  });

  test('a request without trace context starts a trace', async () => {
    const { ask } = await start((app) => app.get('/', (_req, res) => void res.end()));
    await ask('/');
    expect(onlySpan(telemetry).parentSpanContext).toBeUndefined();
    expect(await telemetry.hops()).toEqual({ 'http inbound started': 1 });
  });

  test('where no route was reached the name is the method alone', async () => {
    const { ask } = await start(() => {});
    expect((await ask('/nothing/here')).status).toBe(404);
    const span = onlySpan(telemetry);
    expect(span.name).toBe('GET');
    expect(span.attributes).not.toHaveProperty('http.route');
    expect(span.attributes['http.response.status_code']).toBe(404);
  });

  test('a method that the conventions do not know is _OTHER, and HTTP in the name', async () => {
    const { ask } = await start((app) => app.all('/dav', (_req, res) => void res.end()));
    await ask('/dav', { method: 'PROPFIND' });
    const span = onlySpan(telemetry);
    expect(span.name).toBe('HTTP /dav');
    expect(span.attributes['http.request.method']).toBe('_OTHER');
    expect(span.attributes['http.request.method_original']).toBe('PROPFIND');
  });

  test('5xx is an error of the server, 4xx is not', async () => {
    const { ask } = await start((app) =>
      app.get('/:status', (req, res) => void res.status(Number(req.params['status'])).end()),
    );
    await ask('/503');
    expect(onlySpan(telemetry).status).toEqual({ code: SpanStatusCode.ERROR });
    expect(onlySpan(telemetry).attributes['error.type']).toBe('503');
    await telemetry.reset();
    await ask('/422');
    expect(onlySpan(telemetry).status.code).toBe(SpanStatusCode.UNSET);
    expect(onlySpan(telemetry).attributes).not.toHaveProperty('error.type');
  });

  test.each([
    ['[::1]:8080', '::1', 8080],
    ['[::1]', '::1', 80],
    ['shop.example', 'shop.example', 80],
    ['user:secret@shop.example:99', 'shop.example', 99],
    ['shop.example:port', 'shop.example', undefined],
    ['shop.example:70000', 'shop.example', undefined],
    [':80', undefined, undefined],
    ['', undefined, undefined],
  ])('Host %j gives the address %j and the port %j', async (host, address, port) => {
    const { askRaw } = await start((app) => app.get('/', (_req, res) => void res.end()));
    await askRaw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const { attributes } = onlySpan(telemetry);
    expect([attributes['server.address'], attributes['server.port']]).toEqual([address, port]);
  });

  test.each([
    ['http://user:secret@shop.example/a/b?c=d', '/a/b', 'c=d'],
    ['http://user:secret@shop.example', '/', undefined],
    ['http://user:secret@shop.example?c', '/', 'c'],
    ['/a?next=http://x:y@z/', '/a', 'next=http://REDACTED:REDACTED@z/'],
    ['/a?API_KEY=s&%74oken=s&b=1', '/a', 'API_KEY=REDACTED&%74oken=REDACTED&b=1'],
    ['/a;jsessionid=s/b?c;password=s', '/a;jsessionid=REDACTED/b', 'c;password=REDACTED'],
    ['/a?email=joe', '/a', 'email=joe'],
    ['/a?', '/a', undefined],
    ['/a?b?c', '/a', 'b?c'],
  ])('the target %j has the path %j and the query %j, and no userinfo', async (target, path, query) => {
    const { askRaw } = await start((app) => app.use((_req, res) => void res.end()));
    await askRaw(`GET ${target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n`);
    const { attributes } = onlySpan(telemetry);
    expect([attributes['url.path'], attributes['url.query']]).toEqual([path, query]);
  });

  test('the query is shown without the values of the keys that you name', async () => {
    const { ask } = await start((app) => app.get('/', (_req, res) => void res.end()), { redactQueryKeys: ['email'] });
    await ask('/?Email=joe&code=s&a=1');
    expect(onlySpan(telemetry).attributes['url.query']).toBe('Email=REDACTED&code=REDACTED&a=1');
    // @ts-expect-error -- a wrong option
    expect(() => traceContext({ redactQueryKeys: 'email' })).toThrow('`redactQueryKeys` takes a list');
  });

  test('HTTP/1.0 without a Host is a request like any other', async () => {
    const { askRaw } = await start((app) => app.get('/', (_req, res) => void res.end()));
    await askRaw('GET / HTTP/1.0\r\n\r\n');
    const { attributes } = onlySpan(telemetry);
    expect(attributes['network.protocol.version']).toBe('1.0');
    expect(attributes).not.toHaveProperty('server.address');
  });

  const forwarded = {
    'x-forwarded-for': '203.0.113.7',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'shop.example, inner',
  };

  test('forwarding headers of anyone count for nothing', async () => {
    const { ask } = await start((app) => app.get('/', (_req, res) => void res.end()));
    await ask('/', { headers: forwarded });
    expect(onlySpan(telemetry).attributes).toMatchObject({
      'client.address': '127.0.0.1',
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
    });
  });

  test('those of a proxy that the application trusts say who asked, and for what', async () => {
    const { ask } = await start((app) => {
      app.set('trust proxy', 'loopback');
      app.get('/', (_req, res) => void res.end());
    });
    await ask('/', { headers: forwarded });
    expect(onlySpan(telemetry).attributes).toMatchObject({
      'client.address': '203.0.113.7',
      'network.peer.address': '127.0.0.1',
      'url.scheme': 'https',
      'server.address': 'shop.example',
      'server.port': 443,
    });
  });

  test('a `trust proxy` function that throws trusts no one', async () => {
    const { ask } = await start((app) => {
      app.set('trust proxy', () => {
        throw new Error('no list yet');
      });
      app.get('/', (_req, res) => void res.end());
    });
    expect((await ask('/', { headers: forwarded })).status).toBe(200);
    expect(onlySpan(telemetry).attributes['client.address']).toBe('127.0.0.1');
  });

  test('an ignored request passes as if there were no middleware', async () => {
    const { ask } = await start((app) => app.get('/health', (req, res) => void res.json(Object.hasOwn(req, 'on'))), {
      ignore: (req: Request) => req.path === '/health',
    });
    expect((await ask('/health')).body).toBe('false');
    expect(telemetry.spans()).toEqual([]);
    expect(await telemetry.hops()).toEqual({});
  });

  test('what `ignore` throws is told, and the request is answered and traced', async () => {
    const app = express();
    app.use(
      traceContext({
        ignore: () => {
          throw new Error('ignore failed');
        },
      }),
    );
    app.get('/', (_req: Request, res: { end(text: string): void }) => res.end('answered'));
    served = await serve(app);
    expect(await served.ask('/')).toMatchObject({ status: 200, body: 'answered' });
    expect(onlySpan(telemetry).name).toBe('GET /');
  });

  test('the middleware twice on one request is one hop', async () => {
    const { ask } = await start((app) => {
      app.use(traceContext());
      const nested = express.Router();
      nested.use(traceContext({ agent: 'second' }));
      nested.get('/b', (_req, res) => void res.end());
      app.use('/a', nested);
    });
    await ask('/a/b', { headers: { traceparent: TRACEPARENT } });
    expect(onlySpan(telemetry).name).toBe('GET /a/b');
    expect(await telemetry.hops()).toEqual({ 'http inbound continued': 1 });
  });

  test('middleware of a route names it, and a mounted one the whole route', async () => {
    const app = express();
    app.get('/one/:id', traceContext(), (_req, res) => void res.end());
    const nested = express.Router({ mergeParams: true });
    nested.use(traceContext());
    nested.get('/two', (_req, res) => void res.end());
    app.use('/under/:id', nested);
    served = await serve(app);
    await served.ask('/one/1');
    await served.ask('/under/1/two');
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['GET /one/:id', 'GET /under/:id/two']);
  });
});
