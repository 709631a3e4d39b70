import { SpanKind, trace } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import fastify from 'fastify';
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext, traceHeaders } from '../src/index.ts';
import type { FastifyOptions, FastifyPeer } from '../src/index.ts';
import { onlySpan, serve, SPAN_ID, TRACE_ID, TRACEPARENT } from './serve.ts';
import type { Served } from './serve.ts';

let telemetry: Telemetry;
let served: Served | undefined;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await served?.close();
  served = undefined;
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const headers = { traceparent: TRACEPARENT };

async function start(
  build: (app: FastifyInstance) => unknown,
  options: FastifyOptions = {},
  server: FastifyServerOptions = {},
): Promise<Served> {
  const app = fastify(server);
  await app.register(traceContext, options);
  await build(app);
  served = await serve(app);
  return served;
}

describe('the route', () => {
  const routes: [string, string, string | undefined, (app: FastifyInstance) => unknown][] = [
    ['a parameter', '/users/42', '/users/:id', (app) => app.get('/users/:id', async () => 'ok')],
    [
      'a pattern',
      '/files/42.png',
      '/files/:id(^\\d+).png',
      (app) => app.get('/files/:id(^\\d+).png', async () => 'ok'),
    ],
    ['a wildcard', '/static/a/b.css', '/static/*', (app) => app.get('/static/*', async () => 'ok')],
    [
      'prefixes, one in the other',
      '/v1/shops/7/items/8',
      '/v1/shops/:shop/items/:item',
      (app) =>
        app.register(
          async (v1) => {
            await v1.register(async (shops) => void shops.get('/items/:item', async () => 'ok'), {
              prefix: '/shops/:shop',
            });
          },
          { prefix: '/v1' },
        ),
    ],
    [
      'the root of a prefix',
      '/v1',
      '/v1',
      (app) => app.register(async (v1) => void v1.get('', async () => 'ok'), { prefix: '/v1' }),
    ],
    ['none for what is not found', '/users/42', undefined, () => {}],
    [
      'none for what a handler of the application’s does not find',
      '/users/42',
      undefined,
      (app) => app.setNotFoundHandler((_request, reply) => void reply.code(404).send('no')),
    ],
    [
      'the route that was matched, where its handler says that there is nothing',
      '/users/42',
      '/users/:id',
      (app) => app.get('/users/:id', (_request, reply) => reply.callNotFound()),
    ],
  ];
  test.each(routes)('%s', async (_, path, route, build) => {
    const { ask } = await start(build);
    await ask(path, { headers });
    const { name, attributes, kind, parentSpanContext } = onlySpan(telemetry);
    expect(name).toBe(route === undefined ? 'GET' : `GET ${route}`);
    expect(attributes['http.route']).toBe(route);
    expect(kind).toBe(SpanKind.SERVER);
    expect(parentSpanContext).toMatchObject({ traceId: TRACE_ID, spanId: SPAN_ID });
  });

  test('is known to samplers, and to a function of `inbound`', async () => {
    const peers: unknown[] = [];
    const { ask } = await start((app) => app.get('/users/:id', async () => 'ok'), {
      inbound(peer) {
        const { name, request, address } = peer as FastifyPeer;
        peers.push([name, address, (request as FastifyRequest<{ Params: { id: string } }>).params.id]);
        return name === '/users/:id' ? 'restart-with-link' : 'continue';
      },
    });
    await ask('/users/42', { headers });
    expect(peers).toEqual([['/users/:id', '127.0.0.1', '42']]);
    const span = onlySpan(telemetry);
    expect(span.spanContext().traceId).not.toBe(TRACE_ID);
    expect(span.links[0]?.context.spanId).toBe(SPAN_ID);
  });

  test('is what `route` says, with what the handler found out', async () => {
    const { ask } = await start((app) => app.post('/rpc', async () => 'ok'), {
      route: (request: FastifyRequest) => {
        const { method } = (request.body ?? {}) as { method?: string };
        return method === undefined ? undefined : `/rpc#${method}`;
      },
    });
    const json = { 'content-type': 'application/json' };
    await ask('/rpc', { method: 'POST', headers: json, body: '{"method":"add"}' });
    await ask('/rpc', { method: 'POST', headers: json, body: '{}' });
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['POST /rpc#add', 'POST /rpc']);
  });
});

describe('a scope', () => {
  test('that registers the plugin traces its own routes and those below, and no others', async () => {
    const app = fastify();
    app.get('/outside', async () => trace.getActiveSpan()?.spanContext().traceId ?? 'none');
    await app.register(async (scope) => {
      await scope.register(traceContext);
      scope.get('/inside', async () => 'ok');
      await scope.register(async (below) => void below.get('/below', async () => 'ok'));
    });
    await app.register(async (other) => void other.get('/other', async () => 'ok'));
    served = await serve(app);
    const { ask } = served;
    expect((await ask('/outside', { headers })).body).toBe('none');
    for (const path of ['/inside', '/other', '/below', '/missing']) await ask(path, { headers });
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['GET /inside', 'GET /below']);
  });

  test('in another that is traced changes nothing, unless that ignores its requests', async () => {
    const ignore = ({ routeOptions }: { routeOptions: { url?: string | undefined } }): boolean =>
      routeOptions.url?.startsWith('/public') === true;
    const { ask } = await start(
      async (app) => {
        for (const prefix of ['/public', '/private'])
          await app.register(
            async (scope) => {
              await scope.register(traceContext, { inbound: 'restart' });
              scope.get('/', async () => 'ok');
            },
            { prefix },
          );
      },
      { ignore },
    );
    await ask('/public/', { headers });
    await ask('/private/', { headers });
    const [open, closed] = telemetry.spans();
    expect(telemetry.spans()).toHaveLength(2);
    expect(open?.spanContext().traceId).not.toBe(TRACE_ID);
    expect(closed?.spanContext().traceId).toBe(TRACE_ID);
    expect(await telemetry.hops()).toEqual({ 'http inbound continued': 1, 'http inbound restarted': 1 });
  });

  test('may be registered twice, and before routes that are there already', async () => {
    const app = fastify();
    app.get('/', async () => 'ok');
    await app.register(traceContext, { agent: 'first' });
    await app.register(traceContext, { agent: 'first' });
    served = await serve(app);
    await served.ask('/', { headers });
    expect(onlySpan(telemetry).attributes['throughline.agent.name']).toBe('first');
  });
});

describe('options', () => {
  test.each([
    [{ agnet: 'planner' }, /Did you mean `agent`\?/],
    [{ ignore: '/health' }, /`ignore` takes a function of the request/],
    [{ route: '/users' }, /`route` takes a function of the request/],
    [{ serverTiming: 'yes' }, /`serverTiming` takes true or false/],
    [{ recordErrors: 1 }, /`recordErrors` takes true or false/],
    [{ recordError: true }, /Did you mean `recordErrors`\?/],
    [{ redactQueryKeys: 'email' }, /`redactQueryKeys` takes a list of keys/],
    [{ inbound: 'trust' }, /`inbound` takes one of 'continue'/],
  ])('%o is refused as the plugin is registered', async (options, message) => {
    const app = fastify();
    const failed = await (async () => app.register(traceContext, options as FastifyOptions))().catch(
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(ThroughlineError);
    expect((failed as Error).message).toMatch(message);
    await app.close().catch(() => {});
  });

  test('a call by hand, as Express has it, says how it is registered', () => {
    const call = traceContext as unknown as (options: FastifyOptions) => void;
    expect(() => call({ agent: 'planner' })).toThrow(/app\.register\(traceContext, \{ agent: 'planner' \}\)/);
  });

  test('are left as they are, frozen too, and those of Fastify’s own are no matter', async () => {
    const options = Object.freeze({ agent: 'planner', prefix: '/x', logLevel: 'info' } as const);
    const { ask } = await start((app) => app.get('/', async () => 'ok'), options);
    await ask('/');
    expect(onlySpan(telemetry).attributes['throughline.agent.name']).toBe('planner');
  });

  test('a plugin for Fastify 5 says so, in its name and its range', async () => {
    const app = fastify();
    await app.register(traceContext);
    expect(app.hasPlugin('@throughline/fastify')).toBe(true);
    expect(app.printPlugins()).toContain('@throughline/fastify');
    await app.close();
  });

  test('`ignore` lets a request pass as if nothing were registered', async () => {
    const seen: unknown[] = [];
    const { ask } = await start(
      (app) => {
        app.get('/health', async () => void seen.push(trace.getActiveSpan()));
        app.get('/', async () => 'ok');
      },
      { ignore: (request: FastifyRequest) => request.url === '/health' },
    );
    await ask('/health', { headers });
    expect(seen).toEqual([undefined]);
    expect(telemetry.spans()).toEqual([]);
    expect(await telemetry.hops()).toEqual({});
  });

  test('`serverTiming` tells the span, beside what the application measures, and on a hijacked reply', async () => {
    const { ask } = await start(
      (app) => {
        app.get('/plain', async () => 'ok');
        app.get('/own', (_request, reply) => reply.header('server-timing', 'db;dur=5').send('ok'));
        app.get('/raw', (_request, reply) => void reply.hijack().raw.end('ok'));
      },
      { serverTiming: true },
    );
    const told: unknown[] = [];
    for (const path of ['/plain', '/own', '/raw']) told.push((await ask(path, { headers })).headers['server-timing']);
    const [plain, own, raw] = telemetry
      .spans()
      .map((span) => `traceparent;desc="00-${TRACE_ID}-${span.spanContext().spanId}-01"`);
    expect(told).toEqual([plain, `db;dur=5, ${own}`, raw]);
  });

  test('a trace that is restarted with a link is told to first parties, in `traceresponse`', async () => {
    const { ask } = await start((app) => app.get('/', async () => 'ok'), { inbound: 'restart-with-link' });
    const answer = await ask('/', { headers });
    expect(answer.headers['traceresponse']).toContain(onlySpan(telemetry).spanContext().traceId);
  });

  test('no header of the reply is added else', async () => {
    const bare = fastify();
    bare.get('/', async () => 'ok');
    const { ask } = await start((app) => app.get('/', async () => 'ok'));
    const traced = await ask('/', { headers });
    await served?.close();
    served = await serve(bare);
    const plain = await served.ask('/', { headers });
    expect(Object.keys(traced.headers)).toEqual(Object.keys(plain.headers));
    expect(traceHeaders).toEqual(['traceparent', 'tracestate', 'baggage']);
  });

  test.each([
    [false, { scheme: 'http', host: '127.0.0.1', client: '127.0.0.1' }],
    ['loopback', { scheme: 'https', host: 'shop.example', client: '203.0.113.7' }],
    [
      () => {
        throw new Error('no');
      },
      { scheme: 'http', host: undefined, client: undefined },
    ],
  ] as const)(
    'forwarding headers count as far as trustProxy (%s) says',
    async (trustProxy, { scheme, host, client }) => {
      const { ask } = await start((app) => app.get('/', async () => 'ok'), {}, { trustProxy });
      const forwarded = {
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'shop.example',
        'x-forwarded-for': '203.0.113.7',
      };
      expect((await ask('/', { headers: { ...headers, ...forwarded } })).status).toBe(200);
      const { attributes } = onlySpan(telemetry);
      expect(attributes['url.scheme']).toBe(scheme);
      expect(attributes['server.address']).toBe(host);
      expect(attributes['client.address']).toBe(client);
      expect(attributes['network.peer.address']).toBe('127.0.0.1');
    },
  );

  test('secrets of a query, and what a caller puts anywhere, are not shown', async () => {
    const { askRaw } = await start((app) => app.get('/', async () => 'ok'), { redactQueryKeys: ['email'] });
    await askRaw(
      'GET /?token=s3cret&email=ada HTTP/1.1\r\nHost: user:word@x:80\r\nUser-Agent: a\u0085b\r\nConnection: close\r\n\r\n',
    );
    const { attributes } = onlySpan(telemetry);
    expect(attributes['server.address']).toBe('x');
    expect(Object.values(attributes).join(' ')).not.toMatch(/s3cret|ada|word|\u0085/);
  });
});

describe('a request past a limit of its chain', () => {
  const at = (hops: number, deadline = '-') => ({
    traceparent: TRACEPARENT,
    baggage: `throughline.lineage=1.${hops}.32.1.${deadline}.-.-`,
  });

  test('is refused as a reply of Fastify’s: through the hooks, before the handler, and no other request is touched', async () => {
    const stages: string[] = [];
    const { ask } = await start(
      (app) => {
        app.addHook('onRequest', async () => void stages.push('onRequest'));
        app.addHook('onSend', async (_request, reply) => void reply.header('x-sent', 'yes'));
        app.addHook('onResponse', async () => void stages.push('onResponse'));
        // A schema that would take the problem document apart, or fail on it.
        const error = { type: 'object', required: ['code'], properties: { code: { type: 'string' } } };
        app.get('/', { schema: { response: { '5xx': error } } }, async () => void stages.push('handler'));
      },
      { lineage: { mode: 'enforce' } },
    );
    const refused = await ask('/', { headers: at(33) });
    expect(refused).toMatchObject({ status: 508, headers: { 'x-sent': 'yes' } });
    expect(refused.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(refused.body)).toMatchObject({
      type: 'urn:throughline:refused:hops',
      title: 'Loop Detected',
      status: 508,
      hops: 33,
      maxHops: 32,
    });
    await expect.poll(() => stages).toEqual(['onResponse']);
    expect(onlySpan(telemetry).attributes).toMatchObject({ 'error.type': '508', 'http.response.status_code': 508 });
    expect((await ask('/', { headers: at(3, '1000') })).status).toBe(504);
    expect((await ask('/', { headers: at(3) })).status).toBe(200);
    expect(await telemetry.hops()).toEqual({ 'http inbound refused': 2, 'http inbound continued': 1 });
  });
});
