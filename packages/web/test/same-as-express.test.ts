import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordErrors, traceContext as expressContext } from '@throughline/express';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import type { NextFunction, Request as ExpressRequest, Response as ExpressResponse } from 'express';
import { Hono } from 'hono';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { traceContext } from '../src/hono/index.ts';
import { traceHandler } from '../src/index.ts';
import { onlySpan, serve, serveWeb, TRACEPARENT } from './serve.ts';
import type { Asking, Served } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
afterEach(() => telemetry.reset());

/** Told when the slow handler has been entered. */
const handlers = new EventEmitter();

const encoder = new TextEncoder();

class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** A body of several chunks; endless, or broken off. */
async function* chunks(path: string): AsyncGenerator<Uint8Array> {
  const count = path === '/endless' ? Infinity : 3;
  for (let at = 0; at < count; at++) {
    yield encoder.encode(`chunk ${at};`);
    await sleep(5);
    if (at === 1 && path === '/broken') throw new PlanError('no more');
  }
}

function inExpress(): Promise<Served> {
  const app = express();
  app.use(expressContext({ serverTiming: true, lineage: { mode: 'enforce', maxHops: 2 } }));
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
    app.get(path, async (_req, res) => {
      try {
        for await (const chunk of chunks(path))
          if (!res.destroyed) res.write(chunk);
          else return;
        res.end();
      } catch (error) {
        res.destroy(error as Error);
      }
    });
  }
  app.get('/slow', async (req, res) => {
    handlers.emit('entered');
    await new Promise((resolve) => req.socket.once('close', resolve));
    res.end();
  });
  app.use(recordErrors());
  app.use((_error: unknown, _req: ExpressRequest, res: ExpressResponse, _next: NextFunction) => {
    res.status(500).send('sorry');
  });
  return serve(app);
}

function bodyOf(path: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { from } = ReadableStream as unknown as { from(chunks: AsyncIterable<Uint8Array>): unknown };
  return from(chunks(path)) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

function honoApp(): Hono {
  const app = new Hono();
  const shop = new Hono();
  shop.get('/orders/:id', (c) => c.text('an order'));
  app.route('/shops/:shop', shop);
  app.get('/', (c) => c.json({ a: 1 }));
  app.post('/plans', () => new Response(null, { status: 201 }));
  app.get('/bad', (c) => c.text('no', 400));
  app.get('/unavailable', (c) => c.text('no', 503));
  app.get('/unchanged', () => new Response(null, { status: 304 }));
  app.get('/failing', () => {
    throw new PlanError('no plan');
  });
  for (const path of ['/stream', '/endless', '/broken']) app.get(path, () => new Response(bodyOf(path)));
  app.get('/slow', async (c) => {
    handlers.emit('entered');
    await new Promise((resolve) => c.req.raw.signal.addEventListener('abort', resolve));
    return c.text('too late');
  });
  app.onError((_error, c) => c.text('sorry', 500));
  return app;
}

const options = { serverTiming: true, lineage: { mode: 'enforce', maxHops: 2 } } as const;

function inHono(): Promise<Served> {
  const app = new Hono();
  app.use('*', traceContext(options));
  app.route('/', honoApp());
  return serveWeb(app.fetch);
}

function asHandler(): Promise<Served> {
  const app = new Hono();
  app.use('*', traceContext());
  app.route('/', honoApp());
  return serveWeb(traceHandler(app.fetch, options));
}

/** What is to be the same; ports are not. */
function seen(span: ReadableSpan): object {
  const { 'server.port': _server, 'network.peer.port': _peer, ...attributes } = span.attributes;
  const { name, kind, status, parentSpanContext } = span;
  return {
    name,
    kind,
    status,
    attributes,
    parent: parentSpanContext?.spanId,
    events: span.events.map((event) => [event.name, event.attributes?.['exception.type']]),
  };
}

const TOO_DEEP = 'a chain that is too deep';

const exchanges: [what: string, path: string, asking?: () => Asking][] = [
  ['JSON', '/'],
  ['a query, with a secret in it', '/?q=a%20b&token=abc'],
  ['a trace to continue', '/', () => ({ headers: { traceparent: TRACEPARENT, baggage: 'session.id=7' } })],
  ['a user agent and another host', '/', () => ({ headers: { 'user-agent': 'tests/1', host: 'planner.internal:81' } })],
  ['a route in a router at a pattern', '/shops/7/orders/8'],
  ['a body', '/plans', () => ({ method: 'POST', body: '{}' })],
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
  [TOO_DEEP, '/', () => ({ headers: { traceparent: TRACEPARENT, baggage: 'throughline.lineage=1.5.9.1.-.-.-' } })],
];

describe.each([
  ['Hono', inHono],
  ['traceHandler, and Hono in it', asHandler],
] as const)('the span that Express makes is the one of %s', (_, open) => {
  let theirs: Served;
  let ours: Served;
  beforeAll(async () => {
    [theirs, ours] = await Promise.all([inExpress(), open()]);
  });
  afterAll(() => Promise.all([theirs.close(), ours.close()]));

  it.each(exchanges)('%s', async (what, path, asking) => {
    const theirAnswer = await theirs.ask(path, asking?.());
    await expect.poll(() => telemetry.spans().length).toBe(1);
    const expected = seen(onlySpan(telemetry));
    await telemetry.reset();
    const answer = await ours.ask(path, asking?.());
    await expect.poll(() => telemetry.spans().length).toBe(1);
    expect(seen(onlySpan(telemetry))).toEqual(expected);
    expect(answer.status).toBe(what === TOO_DEEP ? 508 : theirAnswer.status);
    expect(theirAnswer.status).toBe(answer.status);
    if (theirAnswer.headers['server-timing'] !== undefined) {
      const spanContext = onlySpan(telemetry).spanContext();
      expect(answer.headers['server-timing']).toBe(
        `traceparent;desc="00-${spanContext.traceId}-${spanContext.spanId}-01"`,
      );
    }
  });
});
