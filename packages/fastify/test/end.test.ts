import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { SpanStatusCode } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext } from '../src/index.ts';
import type { FastifyOptions } from '../src/index.ts';
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

async function start(build: (app: FastifyInstance) => void, options: FastifyOptions = {}): Promise<Served> {
  const app = fastify();
  await app.register(traceContext, options);
  build(app);
  served = await serve(app);
  return served;
}

/** Opens a request and returns it with its response, whose body is still to come. */
async function open(port: number, path: string): Promise<[http.ClientRequest, http.IncomingMessage]> {
  const request = http.get({ host: '127.0.0.1', port, path, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.on('error', () => {});
  return [request, response];
}

describe('errors', () => {
  class OutOfStock extends Error {
    override name = 'OutOfStock';
  }
  const failing: [string, (app: FastifyInstance) => void][] = [
    ['thrown by the handler', (app) => app.get('/', () => Promise.reject(new OutOfStock('no')))],
    [
      'thrown in the same tick',
      (app) =>
        app.get('/', () => {
          throw new OutOfStock('no');
        }),
    ],
    ['sent', (app) => app.get('/', (_request, reply) => reply.send(new OutOfStock('no')))],
    [
      'thrown by a hook',
      (app) => {
        app.addHook('preHandler', async () => {
          throw new OutOfStock('no');
        });
        app.get('/', async () => 'ok');
      },
    ],
    [
      'given to the callback of a hook',
      (app) => {
        app.addHook('preValidation', (_request, _reply, next) => next(new OutOfStock('no')));
        app.get('/', async () => 'ok');
      },
    ],
    [
      'thrown by onSend',
      (app) => {
        let once = false;
        app.addHook('onSend', async () => {
          if (!once) throw ((once = true), new OutOfStock('no'));
        });
        app.get('/', async () => 'ok');
      },
    ],
    [
      'thrown by the stream before it began',
      (app) =>
        app.get('/', (_request, reply) =>
          reply.send(
            new Readable({
              read() {
                this.destroy(new OutOfStock('no'));
              },
            }),
          ),
        ),
    ],
  ];
  test.each(failing)('%s: a 5xx is an error by its class, and recorded once', async (_, build) => {
    const { ask } = await start(build);
    expect((await ask('/')).status).toBe(500);
    const { status, attributes, events } = onlySpan(telemetry);
    expect(status.code).toBe(SpanStatusCode.ERROR);
    expect(attributes).toMatchObject({ 'error.type': 'OutOfStock', 'http.response.status_code': 500 });
    expect(events.map(({ name }) => name)).toEqual(['exception']);
  });

  test('`recordErrors: false` leaves the status as the class, and records nothing', async () => {
    const { ask } = await start((app) => app.get('/', () => Promise.reject(new OutOfStock('no'))), {
      recordErrors: false,
    });
    await ask('/');
    const { attributes, events } = onlySpan(telemetry);
    expect(attributes['error.type']).toBe('500');
    expect(events).toEqual([]);
  });

  test('an error handler of the application’s has the same error, and its answer counts', async () => {
    const error = Object.freeze(new OutOfStock('no'));
    let seen: unknown;
    const { ask } = await start((app) => {
      app.setErrorHandler((thrown, _request, reply) => {
        seen = thrown;
        void reply.code(409).send({ sorry: true });
      });
      app.get('/', () => Promise.reject(error));
    });
    expect(await ask('/')).toMatchObject({ status: 409, body: '{"sorry":true}' });
    expect(seen).toBe(error);
    const { status, attributes } = onlySpan(telemetry);
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect(attributes).not.toHaveProperty('error.type');
  });

  test('reply.code(503) is an error by its status', async () => {
    const { ask } = await start((app) => app.get('/', (_request, reply) => reply.code(503).send({})));
    await ask('/');
    expect(onlySpan(telemetry).attributes['error.type']).toBe('503');
  });

  test('what a client did wrong is none: validation, a body that is too large or no JSON, a type that nobody reads', async () => {
    const { ask } = await start((app) => {
      const body = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] };
      app.post('/', { schema: { body }, bodyLimit: 20 }, async () => 'ok');
    });
    const json = { 'content-type': 'application/json' };
    const statuses = [
      await ask('/', { method: 'POST', headers: json, body: '{}' }),
      await ask('/', { method: 'POST', headers: json, body: '{' }),
      await ask('/', { method: 'POST', headers: json, body: JSON.stringify({ a: 'a'.repeat(50) }) }),
      await ask('/', { method: 'POST', headers: { 'content-type': 'a/b' }, body: 'a' }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([400, 400, 413, 415]);
    for (const { status, attributes, name } of telemetry.spans()) {
      expect(name).toBe('POST /');
      expect(status.code).toBe(SpanStatusCode.UNSET);
      expect(attributes).not.toHaveProperty('error.type');
    }
    expect(telemetry.spans().map(({ attributes }) => attributes['http.response.status_code'])).toEqual(statuses);
  });
});

describe('the end of the span', () => {
  test('a streamed reply holds it open until the stream ends', async () => {
    const stream = new PassThrough();
    const { port, settled } = await start((app) => app.get('/stream', (_request, reply) => reply.send(stream)));
    stream.write('first');
    const [, response] = await open(port, '/stream');
    await once(response, 'data');
    expect(telemetry.spans()).toEqual([]);
    stream.end('last');
    response.resume();
    await settled();
    expect(onlySpan(telemetry).name).toBe('GET /stream');
    expect(onlySpan(telemetry).status.code).toBe(SpanStatusCode.UNSET);
  });

  const replies: [string, number, (app: FastifyInstance) => void][] = [
    ['a Response', 201, (app) => app.get('/', async () => new Response('web', { status: 201 }))],
    ['a ReadableStream', 200, (app) => app.get('/', (_request, reply) => reply.send(new Blob(['web']).stream()))],
    [
      'a hijacked reply',
      202,
      (app) => app.get('/', (_request, reply) => void reply.hijack().raw.writeHead(202).end('web')),
    ],
    [
      'the raw response',
      203,
      (app) =>
        app.get('/', async (_request, reply) => {
          reply.raw.statusCode = 203;
          reply.raw.end('web');
          return reply;
        }),
    ],
    [
      'a reply that a hook sends',
      401,
      (app) => {
        app.addHook('preHandler', async (_request, reply) => reply.code(401).send('web'));
        app.get('/', async () => 'not reached');
      },
    ],
  ];
  test.each(replies)('%s ends it with its status', async (_, status, build) => {
    const { ask } = await start(build);
    expect(await ask('/')).toMatchObject({ status, body: 'web' });
    const { name, attributes } = onlySpan(telemetry);
    expect(name).toBe('GET /');
    expect(attributes).toMatchObject({ 'http.response.status_code': status });
    expect(attributes).not.toHaveProperty('throughline.aborted');
  });

  test('a caller who goes away in the middle of the reply, as from an event stream, makes no error', async () => {
    const { port, settled } = await start((app) =>
      app.get('/events/:id', (_request, reply) => {
        const stream = new PassThrough();
        stream.write('data: first\n\n');
        return reply.type('text/event-stream').send(stream);
      }),
    );
    const [request, response] = await open(port, '/events/1');
    await once(response, 'data');
    request.destroy();
    await settled();
    const { name, status, attributes, events } = onlySpan(telemetry);
    expect(name).toBe('GET /events/:id');
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect(events).toEqual([]);
    expect(attributes).toMatchObject({ 'throughline.aborted': true, 'http.response.status_code': 200 });
    expect(attributes).not.toHaveProperty('error.type');
  });

  test('a caller who goes away before the reply leaves no status, since none was sent', async () => {
    const gate = new EventEmitter();
    const { port, settled } = await start((app) => app.get('/slow', () => new Promise(() => gate.emit('reached'))));
    const reached = once(gate, 'reached');
    const request = http.get({ host: '127.0.0.1', port, path: '/slow', agent: false });
    request.on('error', () => {});
    await reached;
    request.destroy();
    await settled();
    const { status, attributes } = onlySpan(telemetry);
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect(attributes['throughline.aborted']).toBe(true);
    expect(attributes).not.toHaveProperty('error.type');
    expect(attributes).not.toHaveProperty('http.response.status_code');
  });

  test.each([
    ['is closed', (socket: net.Socket) => void socket.destroy()],
    ['is reset', (socket: net.Socket) => void socket.resetAndDestroy()],
    ['is half closed', (socket: net.Socket) => void socket.end()],
  ])(
    'an upload whose connection %s makes no error and has no status, though the body parser fails by it',
    async (_, leave) => {
      const gate = new EventEmitter();
      const begun = once(gate, 'begun');
      const { port, settled } = await start((app) => {
        app.addHook('preParsing', async (request) => void request.raw.once('data', () => gate.emit('begun')));
        app.post('/', async () => 'ok');
      });
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => {}).resume();
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a":');
      await begun;
      leave(socket);
      await settled();
      const { status, attributes, events } = onlySpan(telemetry);
      expect(status.code).toBe(SpanStatusCode.UNSET);
      expect(events).toEqual([]);
      expect(attributes['throughline.aborted']).toBe(true);
      expect(attributes).not.toHaveProperty('error.type');
      expect(attributes).not.toHaveProperty('http.response.status_code');
    },
  );

  test('a stream that fails half way is an error, and one that nobody else handles stays so', async () => {
    const { port, settled } = await start((app) =>
      app.get('/', (_request, reply) => {
        const stream = new PassThrough();
        stream.write('first');
        setImmediate(() => setImmediate(() => stream.destroy(new RangeError('broken'))));
        return reply.send(stream);
      }),
    );
    const [, response] = await open(port, '/');
    response.resume();
    await once(response, 'error');
    await settled();
    const { status, attributes } = onlySpan(telemetry);
    expect(status.code).toBe(SpanStatusCode.ERROR);
    expect(attributes).toMatchObject({ 'error.type': 'RangeError', 'throughline.aborted': true });
  });

  test('it ends once on a connection that is kept, and the next request has its own', async () => {
    const { port, settled } = await start((app) => app.get('/:n', async () => 'ok'));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const path of ['/1', '/2']) {
      const request = http.get({ host: '127.0.0.1', port, path, agent });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.resume();
      await once(response, 'end');
      await settled();
    }
    agent.destroy();
    expect(telemetry.spans().map(({ attributes }) => attributes['url.path'])).toEqual(['/1', '/2']);
  });

  test('it ends although the connection closed before the plugin was reached', async () => {
    const app = fastify();
    const gate = new EventEmitter();
    const passed = once(gate, 'passed');
    app.addHook('onRequest', (_request, reply, next) => {
      reply.raw.once('close', () =>
        setImmediate(() => {
          next();
          gate.emit('passed');
        }),
      );
      reply.raw.destroy();
    });
    await app.register(traceContext);
    app.get('/', () => new Promise(() => {}));
    served = await serve(app);
    const request = http.get({ host: '127.0.0.1', port: served.port, agent: false });
    request.on('error', () => {});
    await passed;
    expect(onlySpan(telemetry).attributes['throughline.aborted']).toBe(true);
  });

  test('a response to HEAD and a 304 end it like any other', async () => {
    const { ask } = await start((app) => {
      app.get('/page', async () => 'page');
      app.get('/same', (_request, reply) => reply.code(304).send());
    });
    await ask('/page', { method: 'HEAD' });
    await ask('/same');
    expect(telemetry.spans().map(({ name, attributes }) => [name, attributes['http.response.status_code']])).toEqual([
      ['HEAD /page', 200],
      ['GET /same', 304],
    ]);
  });

  test('inject() has the span of a request', async () => {
    const app = fastify();
    await app.register(traceContext);
    app.get('/:n', async () => ({ ok: true }));
    app.get('/fail', () => Promise.reject(new RangeError('no')));
    const answer = await app.inject({ url: '/7?q=1', headers: { traceparent: TRACEPARENT } });
    expect(answer.json()).toEqual({ ok: true });
    const { name, attributes, parentSpanContext } = onlySpan(telemetry);
    expect(name).toBe('GET /:n');
    expect(parentSpanContext).toMatchObject({ traceId: TRACE_ID, spanId: SPAN_ID });
    expect(attributes).toMatchObject({ 'http.response.status_code': 200, 'url.path': '/7', 'url.query': 'q=1' });
    expect(attributes).not.toHaveProperty('throughline.aborted');
    await telemetry.reset();
    await app.inject('/fail');
    expect(onlySpan(telemetry).attributes['error.type']).toBe('RangeError');
    await app.close();
  });
});

describe('over HTTP/2', () => {
  let close: (() => Promise<unknown>) | undefined;
  afterEach(async () => {
    await close?.();
    close = undefined;
  });

  async function connect(build: (app: FastifyInstance) => void): Promise<http2.ClientHttp2Session> {
    const app = fastify({ http2: true });
    await app.register(traceContext, { serverTiming: true });
    build(app as unknown as FastifyInstance);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const session = http2.connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
    session.on('error', () => {});
    close = () => {
      session.destroy();
      return app.close();
    };
    return session;
  }

  test('an exchange is one span, that continues the caller’s trace', async () => {
    const session = await connect((app) => app.post('/users/:id', async ({ body }) => body));
    const stream = session.request({
      ':path': '/users/7',
      ':method': 'POST',
      'content-type': 'application/json',
      traceparent: TRACEPARENT,
    });
    stream.end('{"a":1}');
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    expect(body).toBe('{"a":1}');
    await expect.poll(() => telemetry.spans()).toHaveLength(1);
    const span = onlySpan(telemetry);
    expect(headers['server-timing']).toContain(span.spanContext().spanId);
    expect(span.name).toBe('POST /users/:id');
    expect(span.parentSpanContext?.spanId).toBe(SPAN_ID);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).toMatchObject({
      'http.response.status_code': 200,
      'network.protocol.version': '2',
      'server.address': '127.0.0.1',
      'url.path': '/users/7',
      'url.scheme': 'http',
    });
    expect(span.attributes).not.toHaveProperty('throughline.aborted');
  });

  test('a stream that the caller resets is aborted, before its reply and in the middle of it', async () => {
    const gate = new EventEmitter();
    const reached = once(gate, 'reached');
    const session = await connect((app) => {
      app.get('/slow', () => new Promise(() => gate.emit('reached')));
      app.get('/large', (_request, reply) => reply.send(Buffer.alloc(10_000_000)));
      app.get('/begun', (_request, reply) => {
        const stream = new PassThrough();
        stream.write('first');
        return reply.send(stream);
      });
    });
    for (const path of ['/slow', '/large', '/begun']) {
      await telemetry.reset();
      const stream = session.request({ ':path': path });
      stream.on('error', () => {});
      await (path === '/slow' ? reached : once(stream, 'data'));
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await expect.poll(() => telemetry.spans()).toHaveLength(1);
      const { status, attributes } = onlySpan(telemetry);
      expect(status.code).toBe(SpanStatusCode.UNSET);
      expect(attributes).toMatchObject({ 'throughline.aborted': true, 'http.route': path });
      expect(attributes['http.response.status_code']).toBe(path === '/slow' ? undefined : 200);
    }
  });

  test('an error is one', async () => {
    const session = await connect((app) => app.get('/', () => Promise.reject(new RangeError('no'))));
    const stream = session.request({ ':path': '/' });
    stream.resume();
    await once(stream, 'end');
    await expect.poll(() => telemetry.spans()).toHaveLength(1);
    expect(onlySpan(telemetry).attributes).toMatchObject({
      'error.type': 'RangeError',
      'http.response.status_code': 500,
    });
  });
});
