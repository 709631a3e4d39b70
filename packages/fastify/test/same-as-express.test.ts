import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordErrors, traceContext as expressContext } from '@throughline/express';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import fastify from 'fastify';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { traceContext } from '../src/index.ts';
import { onlySpan, TRACEPARENT } from './serve.ts';

let telemetry: Telemetry;
const servers: http.Server[] = [];
beforeAll(async () => {
  telemetry = startTelemetry();
  servers.push(inExpress(), await inFastify());
  for (const server of servers) if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => telemetry.reset());
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await telemetry.shutdown();
});

/** Told when the slow handler has been entered. */
const handlers = new EventEmitter();
const options = { serverTiming: true, lineage: { mode: 'enforce', maxHops: 2 } } as const;

class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** A body of several chunks; endless, or broken off. */
async function* chunks(path: string): AsyncGenerator<string> {
  const count = path === '/endless' ? Infinity : 3;
  for (let at = 0; at < count; at++) {
    yield `chunk ${at};`;
    await sleep(5);
    if (at === 1 && path === '/broken') throw new PlanError('no more');
  }
}

function inExpress(): http.Server {
  const app = express();
  app.use(expressContext(options));
  app.use(express.json());
  const shop = express.Router({ mergeParams: true });
  shop.get('/orders/:id', (_req, res) => void res.type('text/plain').send('an order'));
  app.use('/shops/:shop', shop);
  app.get('/', (_req, res) => void res.json({ a: 1 }));
  app.post('/plans', (_req, res) => void res.status(201).end());
  app.get('/bad', (_req, res) => void res.status(400).send('no'));
  app.get('/unavailable', (_req, res) => void res.status(503).send('no'));
  app.get('/unchanged', (_req, res) => void res.status(304).end());
  app.get('/failing', () => {
    throw new PlanError('no plan');
  });
  for (const path of ['/stream', '/endless', '/broken']) {
    app.get(path, (_req, res) => {
      pipeline(Readable.from(chunks(path)), res, () => {});
    });
  }
  app.get('/slow', () => void handlers.emit('entered'));
  app.use(recordErrors());
  app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => void res.status(500).send('sorry'));
  return http.createServer(app);
}

async function inFastify(): Promise<http.Server> {
  const app = fastify();
  await app.register(traceContext, options);
  await app.register(async (shop) => void shop.get('/orders/:id', async () => 'an order'), { prefix: '/shops/:shop' });
  app.get('/', async () => ({ a: 1 }));
  app.post('/plans', (_request, reply) => reply.code(201).send());
  app.get('/bad', (_request, reply) => reply.code(400).send('no'));
  app.get('/unavailable', (_request, reply) => reply.code(503).send('no'));
  app.get('/unchanged', (_request, reply) => reply.code(304).send());
  app.get('/failing', async () => {
    throw new PlanError('no plan');
  });
  for (const path of ['/stream', '/endless', '/broken'])
    app.get(path, (_request, reply) => reply.send(Readable.from(chunks(path))));
  app.get('/slow', () => new Promise(() => handlers.emit('entered')));
  app.setErrorHandler((_error, _request, reply) => void reply.code(500).send('sorry'));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server;
}

interface Asking {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string;
  /** Whoever asks goes away then. */
  readonly leave?: 'at the first bytes' | Promise<unknown>;
}

/** Resolves with the status and `Server-Timing`, as far as an answer came. */
async function ask(server: http.Server, path: string, { method, headers, body, leave }: Asking): Promise<object> {
  const { port } = server.address() as AddressInfo;
  const request = http.request({ port, host: '127.0.0.1', path, agent: false, method, headers });
  const answered = once(request, 'response').catch(() => []) as Promise<[http.IncomingMessage?]>;
  request.on('error', () => {}).end(body);
  if (typeof leave === 'object') void leave.then(() => request.destroy());
  const [response] = await answered;
  response?.on('error', () => {}).on('data', () => leave !== undefined && request.destroy());
  if (response !== undefined) await new Promise((resolve) => response.once('close', resolve));
  await expect.poll(() => telemetry.spans().length).toBe(1);
  const { traceId, spanId } = onlySpan(telemetry).spanContext();
  return {
    status: response?.statusCode,
    timing: response?.headers['server-timing']?.toString().replace(traceId, 'TRACE').replace(spanId, 'SPAN'),
  };
}

/** What is to be the same; ports are not. */
function seen(span: ReadableSpan): object {
  const { 'server.port': _server, 'network.peer.port': _peer, ...attributes } = span.attributes;
  const { name, kind, status, parentSpanContext } = span;
  const events = span.events.map((event) => [event.name, event.attributes?.['exception.type']]);
  return { name, kind, status, attributes, events, parent: parentSpanContext?.spanId };
}

const json = { 'content-type': 'application/json' };
const deep = { traceparent: TRACEPARENT, baggage: 'throughline.lineage=1.5.9.1.-.-.-' };

it.each<[what: string, path: string, asking?: () => Asking]>([
  ['JSON', '/'],
  ['a query, with a secret in it', '/?q=a%20b&token=abc'],
  ['a trace to continue', '/', () => ({ headers: { traceparent: TRACEPARENT, baggage: 'session.id=7' } })],
  ['a user agent and another host', '/', () => ({ headers: { 'user-agent': 'tests/1', host: 'planner.internal:81' } })],
  ['a route below a pattern', '/shops/7/orders/8'],
  ['a body', '/plans', () => ({ method: 'POST', headers: json, body: '{}' })],
  ['HEAD', '/', () => ({ method: 'HEAD' })],
  ['no such route', '/nowhere'],
  ['no such method', '/', () => ({ method: 'PURGE' })],
  ['400', '/bad'],
  ['503', '/unavailable'],
  ['304', '/unchanged'],
  ['an error that a handler throws', '/failing'],
  ['a body that streams', '/stream'],
  ['a body that fails', '/broken'],
  ['whoever asked goes away during the body', '/endless', () => ({ leave: 'at the first bytes' })],
  ['whoever asked goes away before the answer', '/slow', () => ({ leave: once(handlers, 'entered') })],
  // On a path without a route: where there is one, Fastify knows it before it refuses.
  ['a chain that is too deep', '/nowhere', () => ({ headers: deep })],
])('the span that Express makes is the one of Fastify: %s', async (_, path, asking) => {
  const [theirs, ours] = servers as [http.Server, http.Server];
  const expected = [await ask(theirs, path, asking?.() ?? {}), seen(onlySpan(telemetry))];
  await telemetry.reset();
  expect([await ask(ours, path, asking?.() ?? {}), seen(onlySpan(telemetry))]).toEqual(expected);
});
