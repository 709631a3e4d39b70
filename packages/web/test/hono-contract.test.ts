import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { Hono } from 'hono';
import type { MiddlewareHandler } from 'hono';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { traceContext } from '../src/hono/index.ts';
import { traceHandler } from '../src/index.ts';
import type { WebHandler } from '../src/index.ts';
import { onlySpan, serveWeb, TRACEPARENT } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
afterEach(() => telemetry.reset());

const pass: MiddlewareHandler = async (_c, next) => {
  await next();
};
const deny: MiddlewareHandler = async (c, next) => {
  if (c.req.query('deny') !== undefined) return c.text('no', 401);
  await next();
  return undefined;
};

function appOf(traced: MiddlewareHandler | undefined): Hono {
  const app = new Hono();
  if (traced !== undefined) app.use('*', traced);
  app.use('*', pass);
  app.use('/api/*', deny);
  app.get('/', (c) => c.text('root'));
  const users = new Hono();
  users.get('/', (c) => c.text('users'));
  users.get('/:id', (c) => c.text(c.req.param('id')));
  users.get('/:id{[0-9]+}/posts/:post?', (c) => c.text('posts'));
  const guarded = new Hono();
  guarded.get('/:page', () => {
    throw new RangeError('no page');
  });
  guarded.onError((error, c) => c.text(error.message, 500));
  app.route('/api/users', users);
  app.route('/guarded', guarded);
  const based = app.basePath('/v1');
  based.get('/plans/:plan', (c) => c.text('plan'));
  app.all('/proxy/*', (c) => c.text('proxied'));
  app.get('/failing', () => {
    throw new TypeError('handler failed');
  });
  app.get('/gone', () => {
    throw Object.assign(new Error('gone'), { getResponse: () => new Response('gone', { status: 410 }) });
  });
  const mounted = new Hono();
  mounted.use('*', traceContext());
  mounted.get('/', (c) => c.text('mounted'));
  mounted.get('/tools/:tool', (c) => c.text('tool'));
  app.mount('/mnt', mounted.fetch);
  app.mount('/plain', () => new Response('plain'));
  // Matches all of the above too, later.
  app.get('/:rest{.+}', (c) => c.text('rest'));
  app.onError((error, c) => ('getResponse' in error ? new Response('gone', { status: 410 }) : c.text('failed', 500)));
  return app;
}

const asked: readonly [path: string, name: string, route: string | undefined, status: number][] = [
  ['/', 'GET /', '/', 200],
  ['/api/users', 'GET /api/users', '/api/users', 200],
  ['/api/users/7', 'GET /api/users/:id', '/api/users/:id', 200],
  ['/api/users/7/posts/8', 'GET /api/users/:id{[0-9]+}/posts/:post?', '/api/users/:id{[0-9]+}/posts/:post?', 200],
  ['/api/users/7?deny', 'GET', undefined, 401],
  ['/v1/plans/3', 'GET /v1/plans/:plan', '/v1/plans/:plan', 200],
  ['/proxy/to/there', 'GET /proxy/*', '/proxy/*', 200],
  ['/guarded/7', 'GET /guarded/:page', '/guarded/:page', 500],
  ['/failing', 'GET /failing', '/failing', 500],
  ['/mnt/tools/8', 'GET /mnt/tools/:tool', '/mnt/tools/:tool', 200],
  ['/mnt', 'GET /mnt', '/mnt', 200],
  ['/plain/x', 'GET', undefined, 200],
  ['/some/where', 'GET /:rest{.+}', '/:rest{.+}', 200],
];

describe.each([
  ['traceContext()', () => appOf(traceContext()).fetch],
  ['traceContext() inside traceHandler()', () => traceHandler(appOf(traceContext()).fetch)],
  [
    'traceContext() twice',
    () => {
      const app = new Hono();
      app.use('*', traceContext());
      app.route('/', appOf(traceContext()));
      return app.fetch;
    },
  ],
])('the route is the whole pattern of what answered: %s', (_, make) => {
  it.each(asked)('%s', async (path, name, route, status) => {
    const fetch = make() as WebHandler;
    const request = new Request(`http://planner.internal${path}`, { headers: { traceparent: TRACEPARENT } });
    const response = (await fetch(request)) as Response;
    await response.text();
    expect(response.status).toBe(status);
    const span = onlySpan(telemetry);
    expect(span.name).toBe(name);
    expect(span.attributes['http.route']).toBe(route);
    expect(span.attributes['http.response.status_code']).toBe(status);
  });

  it('also over a socket, where routers hand on copies of the request', async () => {
    const served = await serveWeb(make());
    try {
      await served.ask('/mnt/tools/8');
      expect(onlySpan(telemetry).name).toBe('GET /mnt/tools/:tool');
    } finally {
      await served.close();
    }
  });
});

describe('errors', () => {
  it.each([
    ['/failing', 'TypeError', 'handler failed'],
    ['/guarded/7', 'RangeError', 'no page'],
  ])('that onError has answered are on the span: %s', async (path, type, message) => {
    await appOf(traceContext()).request(path);
    const span = onlySpan(telemetry);
    expect(span.status.code).toBe(2);
    expect(span.attributes['error.type']).toBe(type);
    expect(span.events).toMatchObject([{ name: 'exception', attributes: { 'exception.message': message } }]);
  });

  it('that are an answer below 500 are none', async () => {
    await appOf(traceContext()).request('/gone');
    const span = onlySpan(telemetry);
    expect(span.status.code).toBe(0);
    expect(span.events).toEqual([]);
    expect(span.attributes).toMatchObject({ 'http.response.status_code': 410, 'http.route': '/gone' });
  });

  it('of a value that Hono does not catch comes out as the same', async () => {
    const app = new Hono();
    app.use('*', traceContext());
    app.get('/', () => {
      // oxlint-disable-next-line typescript/only-throw-error -- what a handler may do
      throw 'text';
    });
    await expect(Promise.resolve(app.request('/'))).rejects.toBe('text');
    expect(onlySpan(telemetry).status.code).toBe(2);
  });
});

it('headers that middleware has set, and each cookie, are there once', async () => {
  const app = new Hono();
  app.use('*', traceContext({ serverTiming: true }));
  app.use('*', async (c, next) => {
    await next();
    c.header('x-mine', '1');
    c.header('set-cookie', 'a=1', { append: true });
    c.header('set-cookie', 'b=2', { append: true });
  });
  app.get('/', (c) => c.json({ a: 1 }));
  const served = await serveWeb(app.fetch);
  try {
    const { headers } = await served.ask('/');
    expect(headers['x-mine']).toBe('1');
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(headers['server-timing']).toMatch(/^traceparent;desc="00-[\da-f-]+"$/);
    expect(headers['content-length']).toBe('7');
  } finally {
    await served.close();
  }
});

it('options that say the route and what to ignore are given Hono’s context', async () => {
  const app = new Hono();
  app.use('*', traceContext({ ignore: (c) => c.req.raw.url.endsWith('/health'), route: () => '/mine' }));
  app.get('/:any', (c) => c.text('yes'));
  await app.request('/health');
  expect(telemetry.spans()).toEqual([]);
  await app.request('/7');
  expect(onlySpan(telemetry).name).toBe('GET /mine');
});

it('`app.use(traceContext)` says that the call is missing', () => {
  expect(() => traceContext({}, ...([() => {}] as never[]))).toThrow('app.use(traceContext())');
  expect(() => traceContext({ agnet: 'x' } as never)).toThrow('agnet');
  expect(() => traceHandler({} as never)).toThrow('app.fetch');
});
