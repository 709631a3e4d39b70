import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import fastify from 'fastify';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext } from '../src/index.ts';
import type { FastifyOptions } from '../src/index.ts';
import { onlySpan, serve, TRACE_ID, TRACEPARENT } from './serve.ts';
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

const headers = { traceparent: TRACEPARENT, 'content-type': 'application/json' };
const active = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;

// What loses its context falls into this one: that of a connection which another request opened.
const stray = trace.setSpan(
  ROOT_CONTEXT,
  trace.wrapSpanContext({ traceId: 'f'.repeat(32), spanId: 'f'.repeat(16), traceFlags: 1 }),
);

async function start(
  build: (app: FastifyInstance) => void,
  options: FastifyOptions = {},
  server: FastifyServerOptions = {},
): Promise<Served> {
  const app = fastify(server);
  await app.register(traceContext, options);
  build(app);
  served = await context.with(stray, () => serve(app));
  return served;
}

const stages = [
  'onRequest',
  'preParsing',
  'preValidation',
  'preHandler',
  'handler',
  'preSerialization',
  'onSend',
  'onResponse',
];

/** Adds a hook to every stage, and a route, that say which span is active. `pass` calls what comes next. */
function look(app: FastifyInstance, pass: (next: () => void) => void): Record<string, string | undefined> {
  const seen: Record<string, string | undefined> = {};
  const hook =
    (stage: string) =>
    (...args: readonly unknown[]): void => {
      seen[stage] = active();
      pass(args.at(-1) as () => void);
    };
  for (const stage of stages) if (stage !== 'handler') app.addHook(stage as 'onSend', hook(stage));
  app.post('/', (_request, reply) => {
    seen['handler'] = active();
    pass(() => void reply.send({ ok: true }));
  });
  return seen;
}

describe('the context of the request is active', () => {
  const ways: [string, (next: () => void) => void][] = [
    ['hooks that call back at once', (next) => next()],
    ['hooks that call back later', (next) => void setImmediate(next)],
    [
      'hooks that call back from the context of a connection',
      (next) => void setImmediate(() => context.with(stray, next)),
    ],
  ];
  test.each(ways)('in every stage, with %s', async (_, pass) => {
    let seen: Record<string, string | undefined> = {};
    const { ask } = await start((app) => (seen = look(app, pass)));
    expect(await ask('/', { method: 'POST', headers, body: '{"a":1}' })).toMatchObject({ status: 200 });
    await expect.poll(() => Object.keys(seen)).toHaveLength(stages.length);
    const own = onlySpan(telemetry).spanContext().spanId;
    expect(seen).toEqual(Object.fromEntries(stages.map((stage) => [stage, own])));
  });

  test('in every stage, with async hooks', async () => {
    const seen: Record<string, string | undefined> = {};
    const { ask } = await start((app) => {
      for (const stage of stages.slice(0, 4))
        app.addHook(stage as 'onRequest', async () => {
          await new Promise(setImmediate);
          seen[stage] = active();
        });
      app.post('/', async () => {
        await new Promise(setImmediate);
        seen['handler'] = active();
        return { ok: true };
      });
      app.addHook('preSerialization', async (_request, _reply, payload) => {
        seen['preSerialization'] = active();
        return payload;
      });
      app.addHook('onSend', async (_request, _reply, payload) => {
        seen['onSend'] = active();
        return payload;
      });
      app.addHook('onResponse', async () => void (seen['onResponse'] = active()));
    });
    await ask('/', { method: 'POST', headers, body: '{"a":1}' });
    await expect.poll(() => Object.keys(seen)).toHaveLength(stages.length);
    expect(new Set(Object.values(seen))).toEqual(new Set([onlySpan(telemetry).spanContext().spanId]));
  });

  test('in onError and the error handler', async () => {
    const seen: Record<string, string | undefined> = {};
    const { ask } = await start((app) => {
      app.addHook('onError', (_request, _reply, _error, next) => {
        seen['onError'] = active();
        next();
      });
      app.setErrorHandler((_error, _request, reply) => {
        seen['handler'] = active();
        void reply.code(503).send({ no: true });
      });
      app.get(
        '/',
        (_request, reply) => void setImmediate(() => context.with(stray, () => reply.send(new Error('no')))),
      );
    });
    expect((await ask('/')).status).toBe(503);
    const own = onlySpan(telemetry).spanContext().spanId;
    expect(seen).toEqual({ onError: own, handler: own });
  });

  test('in onRequestAbort and onTimeout', async () => {
    const seen: Record<string, string | undefined> = {};
    const gate = new EventEmitter();
    const { port, settled } = await start(
      (app) => {
        // A hook that is asynchronous: Fastify has added its listeners by then.
        app.addHook('onRequestAbort', (_request, next) => {
          seen['onRequestAbort'] = active();
          next();
        });
        app.addHook('onTimeout', (_request, _reply, next) => {
          seen['onTimeout'] = active();
          next();
        });
        app.get('/slow', () => new Promise(() => gate.emit('reached')));
      },
      {},
      { connectionTimeout: 300 },
    );
    const reached = once(gate, 'reached');
    const leaving = http.get({ host: '127.0.0.1', port, path: '/slow', agent: false });
    leaving.on('error', () => {});
    await reached;
    leaving.destroy();
    await settled();
    await expect.poll(() => seen['onRequestAbort']).toBe(onlySpan(telemetry).spanContext().spanId);
    await telemetry.reset();
    const waiting = http.get({ host: '127.0.0.1', port, path: '/slow', agent: false });
    await once(waiting, 'error');
    await settled();
    expect(seen['onTimeout']).toBe(onlySpan(telemetry).spanContext().spanId);
    expect(onlySpan(telemetry).attributes).toMatchObject({ 'throughline.aborted': true, 'http.route': '/slow' });
  });

  const parsers: [string, string, string, (app: FastifyInstance, note: () => void) => void][] = [
    ['json', 'application/json', '{"a":1}', () => {}],
    ['large text', 'text/plain', 'a'.repeat(300_000), () => {}],
    [
      'a parser of strings',
      'x/y',
      'a',
      (app, note) =>
        app.addContentTypeParser('x/y', { parseAs: 'string' }, (_request, body, done) => {
          note();
          setImmediate(() => context.with(stray, done, undefined, null, body));
        }),
    ],
    [
      'an async parser of the stream',
      'x/y',
      'a',
      (app, note) =>
        app.addContentTypeParser('x/y', async (_request: unknown, payload: Readable) => {
          note();
          let text = '';
          for await (const chunk of payload) text += String(chunk);
          note();
          return text;
        }),
    ],
    [
      'a parser that listens',
      'x/y',
      'a',
      (app, note) =>
        app.addContentTypeParser('x/y', (_request, payload, done) => {
          payload.resume().on('end', () => {
            note();
            done(null, 'a');
          });
        }),
    ],
    [
      'a payload that preParsing replaces',
      'text/plain',
      'a',
      (app) => app.addHook('preParsing', async (_request, _reply, payload) => payload.pipe(new PassThrough())),
    ],
  ];
  test.each(parsers)('through the body parser: %s', async (_, type, body, prepare) => {
    const seen: (string | undefined)[] = [];
    const note = (): void => void seen.push(active());
    const { ask } = await start((app) => {
      prepare(app, note);
      app.addHook('preValidation', (_request, _reply, next) => {
        note();
        next();
      });
      app.post('/', async () => {
        note();
        return 'ok';
      });
    });
    expect(await ask('/', { method: 'POST', headers: { ...headers, 'content-type': type }, body })).toMatchObject({
      status: 200,
    });
    expect(seen.length).toBeGreaterThanOrEqual(2);
    expect(new Set(seen)).toEqual(new Set([onlySpan(telemetry).spanContext().spanId]));
  });

  test('in listeners that a handler puts on the raw request and response, and they are removed as ever', async () => {
    const seen: Record<string, string | undefined> = {};
    const { ask } = await start((app) => {
      app.get('/', (request, reply) => {
        reply.raw.on('finish', () => (seen['finish'] = active()));
        reply.raw.once('close', () => (seen['close'] = active()));
        request.raw.on('close', () => (seen['request'] = active()));
        const removed = (): void => void (seen['removed'] = active());
        reply.raw.on('finish', removed);
        reply.raw.off('finish', removed);
        void reply.send('ok');
      });
    });
    await ask('/', { headers });
    const own = onlySpan(telemetry).spanContext().spanId;
    await expect.poll(() => seen).toEqual({ finish: own, close: own, request: own });
  });

  test('in the stream that answers', async () => {
    const seen: (string | undefined)[] = [];
    const { ask } = await start((app) => {
      app.get('/', (_request, reply) => {
        const chunks = async function* (): AsyncGenerator<string> {
          for (const chunk of ['a', 'b', 'c']) {
            await new Promise(setImmediate);
            seen.push(active());
            yield chunk;
          }
        };
        return reply.send(Readable.from(chunks()));
      });
    });
    expect((await ask('/', { headers })).body).toBe('abc');
    expect(new Set(seen)).toEqual(new Set([onlySpan(telemetry).spanContext().spanId]));
  });
});

test('a context that a hook made of the request’s own stays', async () => {
  let seen: string | undefined;
  const { ask } = await start((app) => {
    app.addHook('onRequest', (_request, _reply, next) => {
      const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
      context.with(propagation.setBaggage(context.active(), baggage), next);
    });
    app.get('/', async () => {
      seen = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
      return 'ok';
    });
  });
  await ask('/', { headers });
  expect(seen).toBe('acme');
});

test('requests that run at once, over few connections, keep apart', async () => {
  const { port } = await start((app) => {
    app.addHook('preHandler', (_request, _reply, next) => void setTimeout(next, Math.random() * 5));
    app.post('/:n', async () => {
      await new Promise(setImmediate);
      return { traceId: trace.getActiveSpan()?.spanContext().traceId };
    });
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const asked = Array.from({ length: 200 }, async (_, n) => {
    const traceId = n.toString(16).padStart(32, 'a');
    const request = http.request({ port, host: '127.0.0.1', path: `/${n}`, method: 'POST', agent });
    request.setHeader('traceparent', `00-${traceId}-b7ad6b7169203331-01`);
    request.setHeader('content-type', 'application/json');
    request.end('{"a":1}');
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    return [traceId, (JSON.parse(text) as { traceId: string }).traceId];
  });
  for (const [sent, got] of await Promise.all(asked)) expect(got).toBe(sent);
  agent.destroy();
});

test('a route is declared as it was: its handler has its `this`, its arguments, its name and its result', async () => {
  const { ask } = await start((app) => {
    app.addHook('onRoute', ({ handler }) => expect(['named', '']).toContain(handler.name));
    app.decorate('answer', 42);
    app.get('/', function named(this: FastifyInstance & { answer?: number }, request, reply) {
      expect(reply.request).toBe(request);
      return Promise.resolve({ answer: this.answer });
    });
  });
  expect((await ask('/')).body).toBe('{"answer":42}');
});

test('an upgrade is left alone: no span, and what handles it has its socket', async () => {
  const app = fastify();
  await app.register(traceContext);
  app.get('/', (_request, reply) => void reply.send(active() ?? 'none'));
  // As @fastify/websocket does it.
  app.server.on('upgrade', (request, socket) => {
    const response = new http.ServerResponse(request);
    response.assignSocket(socket as net.Socket);
    app.routing(request, response);
    response.on('finish', () => socket.end());
    socket.on('end', () => socket.destroy());
  });
  served = await serve(app);
  const socket = net.connect(served.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  let text = '';
  for await (const chunk of socket.setEncoding('latin1')) text += chunk;
  expect(text).toMatch(/none$/);
  expect(telemetry.spans()).toEqual([]);
  const { status } = await served.ask('/', { headers });
  expect(status).toBe(200);
  expect(onlySpan(telemetry).spanContext().traceId).toBe(TRACE_ID);
});
