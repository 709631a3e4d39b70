import { context, diag, DiagLogLevel, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { RPCType, setRPCMetadata } from '@opentelemetry/core';
import type { Peer } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { recordErrors, traceContext } from '../src/index.ts';
import type { ExpressPeer } from '../src/index.ts';
import { onlySpan, serve, SPAN_ID, TRACE_ID, TRACEPARENT, versions } from './serve.ts';
import type { Express, NextFunction, Request, Response, Served } from './serve.ts';

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

const headers = { traceparent: TRACEPARENT, baggage: 'user=ada,plan=gold' };

describe.each(versions)('the boundary over HTTP, $name', ({ express, major }) => {
  /** Serves `/in/:id`, which answers with the baggage that its handler sees. */
  async function start(options?: Parameters<typeof traceContext>[0]): Promise<Served> {
    const app = express();
    app.use(traceContext(options));
    app.get('/in/:id', (_req, res) => {
      res.json(
        propagation
          .getActiveBaggage()
          ?.getAllEntries()
          .map(([key, { value }]) => `${key}=${value}`) ?? [],
      );
    });
    served = await serve(app);
    return served;
  }

  test('continue: the caller’s span is the parent, and its baggage comes in', async () => {
    const { ask } = await start();
    expect((await ask('/in/1', { headers })).body).toBe('["user=ada","plan=gold"]');
    expect(onlySpan(telemetry).parentSpanContext?.spanId).toBe(SPAN_ID);
  });

  test('restart-with-link: a new trace that links the caller’s span, without its baggage', async () => {
    const { ask } = await start({ inbound: 'restart-with-link' });
    expect((await ask('/in/1', { headers })).body).toBe('[]');
    const span = onlySpan(telemetry);
    expect(span.spanContext().traceId).not.toBe(TRACE_ID);
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.links.map(({ context }) => context.spanId)).toEqual([SPAN_ID]);
    expect(await telemetry.hops()).toEqual({ 'http inbound restarted': 1 });
  });

  test('restart: a new trace without a link', async () => {
    const { ask } = await start({ inbound: 'restart' });
    await ask('/in/1', { headers });
    const span = onlySpan(telemetry);
    expect(span.spanContext().traceId).not.toBe(TRACE_ID);
    expect(span.links).toEqual([]);
  });

  test('a function decides by route, address, headers and whether the caller is authenticated', async () => {
    const peers: Peer[] = [];
    const { ask } = await start({
      route: (req: Request) => (req.path.startsWith('/in/') ? '/in/{id}' : undefined),
      authenticated: ({ headers: sent }) => sent.get('Authorization') === 'Bearer good',
      inbound: (peer) => {
        peers.push(peer);
        return peer.authenticated === true ? 'continue' : 'restart';
      },
    });
    await ask('/in/1', { headers: { ...headers, authorization: 'Bearer good' } });
    await ask('/in/2', { headers });
    expect(
      peers.map(({ transport, name, address, authenticated }) => ({ transport, name, address, authenticated })),
    ).toEqual([
      { transport: 'http', name: '/in/{id}', address: '127.0.0.1', authenticated: true },
      { transport: 'http', name: '/in/{id}', address: '127.0.0.1', authenticated: false },
    ]);
    expect(peers[0]?.headers.get('Baggage')).toBe(headers.baggage);
    expect(telemetry.spans().map((span) => span.spanContext().traceId === TRACE_ID)).toEqual([true, false]);
  });

  test('without `authenticated` it is undefined, and without `route` so is the name', async () => {
    const peers: Peer[] = [];
    const { ask } = await start({ inbound: (peer) => (peers.push(peer), 'continue') });
    await ask('/in/1');
    expect([peers[0]?.authenticated, peers[0]?.name]).toEqual([undefined, undefined]);
  });

  test('a function may look at Express’s own request, as it came', async () => {
    const { ask } = await start({
      authenticated: (peer: ExpressPeer & { request: Request }) => peer.request.get('x-partner') === 'yes',
      inbound: ({ authenticated }) => (authenticated === true ? 'continue' : 'restart-with-link'),
    });
    await ask('/in/1', { headers: { ...headers, 'x-partner': 'yes' } });
    await ask('/in/2', { headers });
    expect(telemetry.spans().map((span) => span.spanContext().traceId === TRACE_ID)).toEqual([true, false]);
  });

  test('`authenticated` that throws is a peer that is not, and the request is served', async () => {
    const peers: Peer[] = [];
    const { ask } = await start({
      authenticated: () => {
        throw new Error('no keys yet');
      },
      inbound: (peer) => (peers.push(peer), 'continue'),
    });
    expect((await ask('/in/1', { headers })).status).toBe(200);
    expect(peers[0]?.authenticated).toBe(false);
  });

  test('a caller from a private address, whose trace is restarted with a link, is told the new one', async () => {
    const { ask } = await start({ inbound: 'restart-with-link' });
    const told = await ask('/in/1', { headers });
    const { traceId, spanId } = onlySpan(telemetry).spanContext();
    expect(told.headers['traceresponse']).toBe(`00-${traceId}-${spanId}-01`);
    expect((await ask('/in/1')).headers['traceresponse']).toBeUndefined();
    expect((await ask('/in/1', { headers: { ...headers, forwarded: 'for=10.0.0.1' } })).headers['traceresponse']).toBe(
      undefined,
    );
  });

  test('a policy function that throws restarts the trace, and the request is served', async () => {
    const { ask } = await start({
      inbound: () => {
        throw new Error('no list yet');
      },
    });
    expect((await ask('/in/1', { headers })).status).toBe(200);
    expect(onlySpan(telemetry).spanContext().traceId).not.toBe(TRACE_ID);
  });

  test('a middleware in front of one router can say otherwise than that of the rest', async () => {
    const app = express();
    app.use('/public', traceContext({ inbound: 'restart' }));
    app.use(traceContext());
    app.use((_req, res) => void res.end());
    served = await serve(app);
    await served.ask('/public/x', { headers });
    await served.ask('/internal/x', { headers });
    expect(telemetry.spans().map((span) => span.spanContext().traceId === TRACE_ID)).toEqual([false, true]);
  });

  test('`spans: false` continues the context without a span', async () => {
    const { ask } = await start({ spans: false });
    expect((await ask('/in/1', { headers })).body).toBe('["user=ada","plan=gold"]');
    expect(telemetry.spans()).toEqual([]);
    expect(await telemetry.hops()).toEqual({ 'http inbound continued': 1 });
  });

  test('baggage that is asked for is on the span', async () => {
    const { ask } = await start({ baggage: { toAttributes: ['user'] } });
    await ask('/in/1', { headers });
    expect(onlySpan(telemetry).attributes['user']).toBe('ada');
  });

  test.each([
    [{ ignore: 'yes' }, "`ignore` takes a function of the request; it was given 'yes'."],
    [{ route: '/x' }, "`route` takes a function of the request; it was given '/x'."],
    [{ serverTimming: true }, '`serverTimming` is no option. Did you mean `serverTiming`?'],
    [
      { authenticated: true },
      '`authenticated` takes a function of the peer that returns true or false; it was given true.',
    ],
    [{ serverTiming: 'on' }, "`serverTiming` takes true or false; it was given 'on'."],
    [{ inbound: 'follow' }, "`inbound` takes one of 'continue'"],
  ])('options %j are refused at once', (options, message) => {
    expect(() => traceContext(options as never)).toThrow(message);
    expect(() => traceContext(options as never)).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_OPTION' }));
  });

  test('options may be frozen', async () => {
    const { ask } = await start(
      Object.freeze({ agent: Object.freeze({ name: 'planner', id: 'a1' }), baggage: Object.freeze({}) }),
    );
    await ask('/in/1', { headers });
    expect(onlySpan(telemetry).attributes).toMatchObject({
      'throughline.agent.name': 'planner',
      'throughline.agent.id': 'a1',
    });
  });

  test.each([
    // @ts-expect-error The call is missing.
    ['traceContext', (app: Express) => app.use(traceContext)],
    // @ts-expect-error The call is missing.
    ['recordErrors', (app: Express) => app.use('/', recordErrors)],
  ])('`app.use(%s)` without the call fails requests and says why, instead of leaving them open', async (name, use) => {
    const app = express();
    use(app);
    app.use((error: Error & { code?: string }, _req: Request, res: Response, _next: NextFunction) => {
      res.status(500).json([error.code, error.message]);
    });
    served = await serve(app);
    const { status, body } = await served.ask('/');
    expect(status).toBe(500);
    expect(JSON.parse(body)).toEqual(['ERR_THROUGHLINE_ARGUMENT', expect.stringContaining(`\`app.use(${name}())\``)]);
  });

  test('it can stand around the application, before any of its layers', async () => {
    const traced = traceContext({ inbound: 'restart' });
    const app = express();
    app.get('/in/:id', (_req, res) => void res.end(trace.getActiveSpan()?.spanContext().spanId));
    served = await serve((req, res) => traced(req, res, () => app(req, res)));
    const { body } = await served.ask('/in/1', { headers });
    const span = onlySpan(telemetry);
    expect(span.name).toBe('GET /in/:id');
    expect(span.spanContext()).toMatchObject({ spanId: body, traceId: expect.not.stringContaining(TRACE_ID) });
  });

  test('a fake instrumentation that keeps the caller’s context for what comes next is told of, once', async () => {
    const warnings: string[] = [];
    const warn = (text: string): number => warnings.push(text);
    diag.setLogger({ warn, error: warn, info: warn, debug: warn, verbose: warn }, DiagLogLevel.WARN);
    const traced = traceContext({ inbound: 'restart' });
    const app = express();
    app.use((req, res, next) => {
      const span = trace.getTracer('fake').startSpan('GET', {}, propagation.extract(ROOT_CONTEXT, req.headers));
      const theirs = setRPCMetadata(trace.setSpan(ROOT_CONTEXT, span), { type: RPCType.HTTP, span });
      context.with(theirs, () => traced(req, res, context.bind(theirs, next)));
    });
    app.get('/', (_req, res) => void res.end());
    served = await serve(app);
    try {
      await served.ask('/', { headers });
      await served.ask('/', { headers });
    } finally {
      diag.disable();
    }
    const told = warnings.filter((text) => text.includes('instrumentation-express'));
    // Once in a process.
    expect(told).toHaveLength(major === 4 ? 1 : 0);
  });
});
