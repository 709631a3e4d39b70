import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { withDeadline } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { EventEmitter, once } from 'node:events';
import {
  Agent,
  Client,
  fetch,
  Headers as UndiciHeaders,
  interceptors,
  Pool,
  request,
  Request as UndiciRequest,
} from 'undici';
import type { Dispatcher } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { traceFetch } from '../src/index.ts';
import { traceInterceptor } from '../src/undici.ts';
import type { InterceptorOptions } from '../src/undici.ts';
import { closedPort, deepFreeze, sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';

const STALE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let telemetry: Telemetry;
let server: EchoServer;
const agents: Dispatcher[] = [];

beforeAll(async () => {
  telemetry = startTelemetry();
  server = await startEchoServer();
});
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.destroy()));
  await telemetry.reset();
});
afterAll(async () => {
  await server.close();
  await telemetry.shutdown();
});

function agentWith(...chain: Dispatcher.DispatcherComposeInterceptor[]): Dispatcher {
  const agent = new Agent();
  agents.push(agent);
  return agent.compose(...chain);
}
const tracedAgent = (options?: InterceptorOptions): Dispatcher => agentWith(traceInterceptor(options));

const inSpan = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  trace.getTracer('test').startActiveSpan(name, async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });

const http = () => telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT);

describe('the CLIENT span of a dispatch', () => {
  test('follows the stable HTTP conventions and is the parent that the server sees', async () => {
    const dispatcher = tracedAgent();
    const echo = await inSpan('work', async () => {
      const { body } = await request(`${server.origin}/plan?step=1&sig=secret`, { dispatcher });
      return (await body.json()) as Echo;
    });
    const [span] = http();
    expect(span?.name).toBe('GET');
    expect(span?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': server.port,
      'url.full': `${server.origin}/plan?step=1&sig=REDACTED`,
    });
    expect(span?.parentSpanContext?.spanId).toBe(telemetry.find('work').spanContext().spanId);
    const { traceId, spanId } = span!.spanContext();
    expect(sent(echo, 'traceparent').map((value) => value.slice(3, 52))).toEqual([`${traceId}-${spanId}`]);
    expect(echo.url).toBe('/plan?step=1&sig=secret');
  });

  test('holds the query that undici appends', async () => {
    const { body } = await request(server.origin, { dispatcher: tracedAgent(), query: { q: 'a b', sig: 'secret' } });
    expect(((await body.json()) as Echo).url).toContain('sig=secret');
    expect(http()[0]?.attributes['url.full']).toBe(`${server.origin}/?q=a%20b&sig=REDACTED`);
  });

  test('has the text of an error of a first party, and of a third party on request alone', async () => {
    const port = await closedPort();
    const shown = async (options: InterceptorOptions): Promise<unknown> => {
      await telemetry.reset();
      const dispatcher = new Agent().compose(traceInterceptor(options));
      await request(`http://127.0.0.1:${port}/`, { dispatcher }).catch(() => {});
      expect(http()[0]?.attributes['error.type']).toBe('ECONNREFUSED');
      return http()[0]?.status.message;
    };
    expect(await shown({})).toContain('ECONNREFUSED');
    expect(await shown({ firstParty: false })).toBeUndefined();
    expect(await shown({ firstParty: false, recordErrorText: true })).toContain('ECONNREFUSED');
  });

  test('shows no value of a sensitive key, however it is written, nor of one that you name', async () => {
    const dispatcher = new Agent().compose(traceInterceptor({ redactQueryKeys: ['email'] }));
    const { body } = await request(`${server.origin}/a;sid=s?Client_Secret=s&%74oken=s&E-mail=a&email=b`, {
      dispatcher,
    });
    await body.dump();
    const shown = 'a;sid=REDACTED?Client_Secret=REDACTED&%74oken=REDACTED&E-mail=a&email=REDACTED';
    expect(http()[0]?.attributes['url.full']).toBe(`${server.origin}/${shown}`);
    // @ts-expect-error -- a wrong option
    expect(() => traceInterceptor({ redactQueryKeys: 'email' })).toThrow('`redactQueryKeys` takes a list');
  });

  test('is an error from status 400 on', async () => {
    const { body } = await request(`${server.origin}/status/503`, { dispatcher: tracedAgent() });
    await body.dump();
    expect(http()[0]?.attributes).toMatchObject({ 'http.response.status_code': 503, 'error.type': '503' });
    expect(http()[0]?.status.code).toBe(SpanStatusCode.ERROR);
  });

  test('ends at the headers, while the body still streams', async () => {
    const { body } = await request(`${server.origin}/stream`, { dispatcher: tracedAgent() });
    expect(http()).toHaveLength(1);
    body.on('error', () => {}).destroy();
  });

  test('ends where the connection becomes another protocol', async () => {
    const { socket } = await tracedAgent().upgrade({
      origin: server.origin,
      path: '/upgrade',
      protocol: 'echo',
    } as Dispatcher.UpgradeOptions);
    socket.destroy();
    expect(http()[0]?.attributes['http.response.status_code']).toBe(101);
    expect(sent(server.seen.at(-1)!, 'traceparent')).toHaveLength(1);
  });

  test('has no server where an agent made for one origin does not say it, and the `origin` option says it', async () => {
    for (const dispatcher of [new Client(server.origin), new Pool(server.origin)]) {
      agents.push(dispatcher);
      const ask = (options?: InterceptorOptions) =>
        context.with(
          propagation.setBaggage(context.active(), propagation.createBaggage({ user: { value: '42' } })),
          () => dispatcher.compose(traceInterceptor(options)).request({ path: '/plan', method: 'GET' }),
        );
      const unknown = (await (await ask()).body.json()) as Echo;
      const known = (await (await ask({ origin: server.origin })).body.json()) as Echo;
      expect(sent(unknown, 'traceparent')).toHaveLength(1);
      expect(sent(unknown, 'baggage')).toEqual([]);
      expect(sent(known, 'baggage')).toEqual(['user=42']);
      expect(http().at(-1)?.attributes).toMatchObject({
        'server.port': server.port,
        'url.full': `${server.origin}/plan`,
      });
    }
  });
});

describe('headers in every form that undici takes', () => {
  test.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['a flat array', () => ['x-mine', '1', 'Traceparent', STALE, 'traceparent', STALE, 'TraceState', 'old=1']],
    ['a record', () => ({ 'x-mine': '1', Traceparent: STALE, tracestate: ['old=1', 'older=1'] })],
    [
      'a Map',
      () =>
        new Map([
          ['x-mine', '1'],
          ['TraceParent', STALE],
          ['tracestate', 'old=1'],
        ]),
    ],
    ['Headers', () => new Headers({ 'x-mine': '1', traceparent: STALE, tracestate: 'old=1' })],
    ["undici's Headers", () => new UndiciHeaders({ 'x-mine': '1', traceparent: STALE, tracestate: 'old=1' })],
    [
      'an iterator that can be read once',
      () =>
        new Map([
          ['x-mine', '1'],
          ['Traceparent', STALE],
          ['tracestate', 'old=1'],
        ]).entries(),
    ],
  ])('%s: one traceparent, ours, and the rest as it was', async (form, headers) => {
    const dispatcher = tracedAgent();
    const echo = await inSpan('work', async () => {
      const given = headers();
      const { body } = await request(server.origin, {
        dispatcher,
        headers: (form.includes('Headers') || form.includes('iterator') ? given : deepFreeze(given)) as string[],
      });
      return (await body.json()) as Echo;
    });
    expect(sent(echo, 'traceparent')).toHaveLength(1);
    expect(sent(echo, 'traceparent')[0]).toContain(http()[0]?.spanContext().spanId);
    expect(sent(echo, 'tracestate')).toEqual([]);
    if (!['nothing', 'null'].includes(form)) expect(sent(echo, 'x-mine')).toEqual(['1']);
  });

  test.each<[string, () => unknown]>([
    ['a flat array', () => ['Traceparent', STALE, 'tracestate', 'old=1', 'accept', 'a']],
    ['a record', () => ({ Traceparent: STALE, tracestate: 'old=1', accept: 'a' })],
    ['Headers', () => new Headers({ traceparent: STALE, tracestate: 'old=1', accept: 'a' })],
  ])(
    "%s: kept under `existing: 'keep'`, stripped under `outbound: 'suppress'`, the parent with no span active",
    async (_, headers) => {
      const ask = async (options: InterceptorOptions): Promise<Echo> =>
        (await (
          await request(server.origin, { dispatcher: tracedAgent(options), headers: headers() as string[] })
        ).body.json()) as Echo;
      const kept = await inSpan('work', () => ask({ existing: 'keep' }));
      expect([sent(kept, 'traceparent'), sent(kept, 'tracestate')]).toEqual([[STALE], ['old=1']]);
      const stripped = await inSpan('work', () => ask({ outbound: 'suppress' }));
      expect([sent(stripped, 'traceparent'), sent(stripped, 'tracestate'), sent(stripped, 'accept')]).toEqual([
        [],
        [],
        ['a'],
      ]);
      await telemetry.reset();
      const relayed = await ask({});
      expect(http()[0]?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
      expect(sent(relayed, 'traceparent')).toEqual([`${STALE.slice(0, 36)}${http()[0]?.spanContext().spanId}-01`]);
    },
  );

  test.each([[['odd']], [7], [new Set(['no pair'])]])(
    '%j is for undici to refuse, as it does without us',
    async (headers) => {
      const ask = (dispatcher: Dispatcher): Promise<unknown> =>
        request(server.origin, { dispatcher, headers: headers as string[] }).then(
          () => expect.unreachable(),
          (error: unknown) => error,
        );
      expect(await ask(tracedAgent())).toEqual(await ask(agentWith()));
      expect(http()[0]?.attributes['error.type']).toBe('UND_ERR_INVALID_ARG');
    },
  );
});

describe('whom it goes to', () => {
  const to = async (host: string, options?: InterceptorOptions): Promise<Echo> => {
    // Any name leads to the one server on loopback.
    const agent = new Agent({
      connect: { lookup: (_name, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]) },
    });
    agents.push(agent);
    const baggage = propagation.createBaggage({ 'user.id': { value: '42' }, plan: { value: 'free' } });
    return context.with(propagation.setBaggage(context.active(), baggage), async () => {
      const { body } = await request(`http://${host}:${server.port}/`, {
        dispatcher: agent.compose(traceInterceptor(options)),
      });
      return (await body.json()) as Echo;
    });
  };

  test('a third party gets trace context and no baggage, and the span says how much stayed', async () => {
    const echo = await to('api.example.com');
    expect(sent(echo, 'host')).toEqual([`api.example.com:${server.port}`]);
    expect(sent(echo, 'traceparent')).toHaveLength(1);
    expect(sent(echo, 'baggage')).toEqual([]);
    expect(http()[0]?.attributes).toMatchObject({
      'server.address': 'api.example.com',
      'throughline.baggage.withheld': 2,
    });
  });

  test('a single-label name, an internal one and one that is listed are ours', async () => {
    for (const [host, options] of [
      ['planner'],
      ['planner.internal'],
      ['api.example.com', { firstParty: ['*.example.com'] }],
    ] as const) {
      expect(sent(await to(host, options), 'baggage')).toEqual(['user.id=42,plan=free']);
    }
  });

  test('a path cannot pass for another host', async () => {
    const agent = new Agent({
      connect: { lookup: (_name, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]) },
    });
    agents.push(agent);
    const baggage = propagation.createBaggage({ 'user.id': { value: '42' } });
    await context.with(propagation.setBaggage(context.active(), baggage), async () => {
      const { body } = await agent
        .compose(traceInterceptor())
        .request({ origin: `http://api.example.com:${server.port}`, path: '//localhost/x', method: 'GET' });
      expect(sent((await body.json()) as Echo, 'baggage')).toEqual([]);
    });
    expect(http()[0]?.attributes['url.full']).toBe(`http://api.example.com:${server.port}//localhost/x`);
  });
});

describe('a dispatch that fails', () => {
  test('gives the same error object, and the span its code', async () => {
    const port = await closedPort();
    let passed: unknown;
    const watch: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
      dispatch(options, {
        onRequestStart: (...args) => handler.onRequestStart?.(...args),
        onResponseError: (controller, error) => {
          passed = error;
          handler.onResponseError?.(controller, error);
        },
      });
    const error: unknown = await request(`http://127.0.0.1:${port}`, {
      dispatcher: agentWith(watch, traceInterceptor()),
    }).catch((reason: unknown) => reason);
    expect(error).toBe(passed);
    expect(http()[0]?.attributes['error.type']).toBe('ECONNREFUSED');
  });

  test('a dispatch that throws ends its span and throws the same object', () => {
    const mine = new Error('closed');
    const dispatch = traceInterceptor()((
      _options: Dispatcher.DispatchOptions,
      _handler: Dispatcher.DispatchHandler,
    ): boolean => {
      throw mine;
    });
    expect(() => dispatch({ origin: server.origin, path: '/', method: 'GET' }, {})).toThrow(mine);
    expect(http()[0]?.attributes['error.type']).toBe('Error');
  });
});

describe('among other interceptors', () => {
  test('a retry around it: a span of each attempt, all in the trace of their own caller', async () => {
    const dispatcher = agentWith(traceInterceptor(), interceptors.retry({ minTimeout: 1, maxTimeout: 1 }));
    // The connection is opened under another span, whose context its events have.
    await inSpan('first', async () => (await request(server.origin, { dispatcher })).body.dump());
    const body = await inSpan('retrying', async () =>
      (await request(`${server.origin}/flaky`, { dispatcher })).body.json(),
    );
    const retrying = telemetry.find('retrying').spanContext();
    const attempts = http().slice(1);
    expect(attempts.map(({ attributes }) => attributes['http.response.status_code'])).toEqual([503, 200]);
    expect(attempts.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
      retrying.spanId,
      retrying.spanId,
    ]);
    expect(sent(body as Echo, 'traceparent')).toEqual([expect.stringContaining(attempts[1]!.spanContext().spanId)]);
  });

  test('a redirect around it: a span of each request; inside it: one of all', async () => {
    const redirect = interceptors.redirect({ maxRedirections: 3 });
    const each = (await (
      await request(`${server.origin}/redirect`, { dispatcher: agentWith(traceInterceptor(), redirect) })
    ).body.json()) as Echo;
    expect(each.url).toBe('/landed');
    expect(http().map(({ attributes }) => attributes['http.response.status_code'])).toEqual([302, 200]);
    expect(sent(each, 'traceparent')).toEqual([expect.stringContaining(http()[1]!.spanContext().spanId)]);
    await telemetry.reset();
    const all = (await (
      await request(`${server.origin}/redirect`, { dispatcher: agentWith(redirect, traceInterceptor()) })
    ).body.json()) as Echo;
    expect(http().map(({ attributes }) => attributes['http.response.status_code'])).toEqual([200]);
    expect(sent(all, 'traceparent')).toEqual([expect.stringContaining(http()[0]!.spanContext().spanId)]);
  });

  // https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/#http-request-resend-count
  describe('`http.request.resend_count`', () => {
    const resends = (): unknown[] => http().map(({ attributes }) => attributes['http.request.resend_count']);
    const retry = interceptors.retry({ minTimeout: 1, maxTimeout: 1, maxRetries: 2, throwOnError: false });
    const redirect = interceptors.redirect({ maxRedirections: 3 });
    const get = async (path: string, dispatcher: Dispatcher): Promise<void> => {
      await (await request(server.origin + path, { dispatcher })).body.dump();
    };

    test('counts retries', async () => {
      await get('/status/503', agentWith(traceInterceptor(), retry));
      expect(resends()).toEqual([undefined, 1, 2]);
    });

    test('counts redirects', async () => {
      await get('/redirect', agentWith(traceInterceptor(), redirect));
      expect(resends()).toEqual([undefined, 1]);
    });

    test.each([
      ['the redirect around the retry', [retry, redirect]],
      ['the retry around the redirect', [redirect, retry]],
    ])('counts both of one call: %s', async (_, both) => {
      await get('/redirect-to-503', agentWith(traceInterceptor(), ...both));
      expect(http().length).toBeGreaterThan(3);
      expect(resends()).toEqual([
        undefined,
        ...http()
          .slice(1)
          .map((_span, at) => at + 1),
      ]);
    });

    test('counts for each of many calls at once', async () => {
      const dispatcher = agentWith(traceInterceptor(), retry);
      await inSpan('all', () => Promise.all(Array.from({ length: 20 }, () => get('/status/503', dispatcher))));
      expect(resends().filter((count) => count === undefined)).toHaveLength(20);
      expect(resends().filter((count) => count === 1)).toHaveLength(20);
      expect(resends().filter((count) => count === 2)).toHaveLength(20);
    });

    test('is none of calls that share a handler, or that start where another ends', async () => {
      const dispatcher = tracedAgent();
      const ended = new EventEmitter();
      const shared: Dispatcher.DispatchHandler = {
        onRequestStart: () => {},
        onResponseEnd: () => void ended.emit('end'),
        onResponseError: (_controller, error) => void ended.emit('error', error),
      };
      for (let calls = 0; calls < 2; calls++) {
        const end = once(ended, 'end');
        dispatcher.dispatch({ origin: server.origin, path: '/plan', method: 'GET' }, shared);
        await end;
      }
      const { body } = await request(server.origin, { dispatcher });
      await new Promise<void>((resolve, reject) => {
        body.resume().on('end', () => get('/plan', dispatcher).then(resolve, reject));
      });
      expect(resends()).toEqual([undefined, undefined, undefined, undefined]);
    });

    test('is none of a retry inside, where one span stands for all attempts', async () => {
      await get('/status/503', agentWith(retry, traceInterceptor()));
      expect(resends()).toEqual([undefined]);
    });
  });

  test('composed twice it is one', async () => {
    const { body } = await request(server.origin, { dispatcher: agentWith(traceInterceptor(), traceInterceptor()) });
    expect(sent((await body.json()) as Echo, 'traceparent')).toHaveLength(1);
    expect(http()).toHaveLength(1);
  });

  test("under undici's fetch that is traced itself, one span and one header", async () => {
    const both = traceFetch(fetch, { suppressInner: true });
    const echo = (await (await both(server.origin, { dispatcher: tracedAgent() })).json()) as Echo;
    expect(sent(echo, 'traceparent')).toHaveLength(1);
    expect(http()).toHaveLength(1);
  });

  test("traceFetch takes undici's own Request and Headers", async () => {
    const theirs = traceFetch(fetch);
    const echo = (await inSpan('work', async () =>
      (
        await theirs(
          new UndiciRequest(server.origin, {
            method: 'POST',
            headers: { 'x-mine': '1', traceparent: STALE },
            body: 'posted',
          }),
        )
      ).json(),
    )) as Echo;
    expect(echo).toMatchObject({ method: 'POST', body: 'posted' });
    expect(sent(echo, 'x-mine')).toEqual(['1']);
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(http()[0]!.spanContext().spanId)]);
    await telemetry.reset();
    await theirs(server.origin, { headers: new UndiciHeaders({ traceparent: STALE }) });
    expect(http()[0]?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });
});

// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status
describe('a dispatch that its caller aborts is no error', () => {
  const mine = new Error('another question');
  const abort = async (
    ask: (url: string, signal: AbortSignal, dispatcher: Dispatcher) => Promise<unknown>,
    ...reason: unknown[]
  ): Promise<unknown> => {
    const controller = new AbortController();
    const before = server.seen.length;
    const call = ask(`${server.origin}/hang`, controller.signal, tracedAgent()).catch((error: unknown) => error);
    await vi.waitUntil(() => server.seen.length > before);
    controller.abort(...reason);
    return call;
  };
  const unharmed = (): void => {
    expect(http()).toHaveLength(1);
    expect(http()[0]?.attributes).toMatchObject({ 'throughline.aborted': true });
    expect(http()[0]?.attributes).not.toHaveProperty('error.type');
    expect(http()[0]?.status).toEqual({ code: SpanStatusCode.UNSET });
  };

  test.each([[undefined], [mine], ['text']])('by its `signal`, with the reason %s, which comes out', async (reason) => {
    const error = await abort((url, signal, dispatcher) => request(url, { dispatcher, signal }), reason);
    if (reason === undefined) expect(error).toMatchObject({ name: 'AbortError' });
    else expect(error).toBe(reason);
    unharmed();
  });

  test.each([
    ["undici's fetch", fetch as unknown as typeof globalThis.fetch],
    ["Node's fetch, with the older handler", globalThis.fetch],
  ])('by the signal of %s', async (_, ask) => {
    const agent = new Agent();
    agents.push(agent);
    const dispatch = traceInterceptor()((options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) =>
      agent.dispatch(options, handler),
    );
    const error = await abort((url, signal) => ask(url, { dispatcher: { dispatch }, signal } as RequestInit), mine);
    expect(error).toBe(mine);
    unharmed();
  });

  test('by a signal aborted before, and by an emitter', async () => {
    await request(server.origin, { dispatcher: tracedAgent(), signal: AbortSignal.abort() }).catch(() => {});
    unharmed();
    await telemetry.reset();
    const emitter = new EventEmitter();
    const before = server.seen.length;
    const call = request(`${server.origin}/hang`, { dispatcher: tracedAgent(), signal: emitter }).catch(() => {});
    await vi.waitUntil(() => server.seen.length > before);
    emitter.emit('abort');
    await call;
    unharmed();
  });

  test('by the handler itself', async () => {
    const error = await new Promise<unknown>((resolve) => {
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: (controller) => void setTimeout(() => controller.abort(mine), 10),
        onResponseError: (_controller, reason) => resolve(reason),
      };
      tracedAgent().dispatch({ origin: server.origin, path: '/hang', method: 'GET' }, handler);
    });
    expect(error).toBe(mine);
    unharmed();
  });

  test('but a timeout is one, of the caller, of undici, and of the chain', async () => {
    const ask = (options: object): Promise<unknown> =>
      request(`${server.origin}/hang`, { dispatcher: tracedAgent(), ...options }).catch(() => {});
    await ask({ signal: AbortSignal.timeout(20) });
    await ask({ headersTimeout: 20 });
    await withDeadline(30, () => ask({ signal: new AbortController().signal }));
    expect(http().map(({ attributes }) => attributes['error.type'])).toEqual([
      'TimeoutError',
      'UND_ERR_HEADERS_TIMEOUT',
      'TimeoutError',
    ]);
    for (const { attributes } of http()) expect(attributes).not.toHaveProperty('throughline.aborted');
  });
});

describe('the handlers of every undici', () => {
  // Node's own fetch hands a dispatcher the handler of undici 6: `onConnect`, `onHeaders`, …
  test('the older one, from fetch', async () => {
    const agent = new Agent();
    agents.push(agent);
    const names: string[] = [];
    const dispatch = traceInterceptor()((options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) =>
      agent.dispatch(options, handler),
    );
    const dispatcher = {
      dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => {
        names.push(...['onConnect', 'onHeaders', 'onRequestStart'].filter((name) => name in handler));
        return dispatch(options, handler);
      },
    };
    const ask = (path: string): Promise<Response> =>
      globalThis.fetch(server.origin + path, { dispatcher } as RequestInit);
    const echo = (await (await ask('/plan')).json()) as Echo;
    expect(names).toEqual(['onConnect', 'onHeaders']);
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(http()[0]!.spanContext().spanId)]);
    expect(http()[0]?.attributes['http.response.status_code']).toBe(200);
    await ask('/drop').catch(() => {});
    expect(http()[1]?.attributes['error.type']).toBe('UND_ERR_SOCKET');
  });

  test('callbacks keep `this` and private fields, and what a handler lacks it goes on lacking', async () => {
    class Handler {
      #chunks = '';
      readonly #ended = new EventEmitter();
      readonly done = once(this.#ended, 'end').then(([chunks]) => String(chunks));
      onRequestStart(): void {
        this.#chunks = '';
      }
      onResponseStart(): void {
        this.#chunks += '> ';
      }
      onResponseData(_controller: unknown, chunk: Buffer): void {
        this.#chunks += chunk.toString();
      }
      onResponseEnd(): void {
        this.#ended.emit('end', this.#chunks);
      }
    }
    const handler = Object.freeze(new Handler());
    const seen: Dispatcher.DispatchHandler[] = [];
    const peek: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, inner) => (
      seen.push(inner),
      dispatch(options, inner)
    );
    agentWith(peek, traceInterceptor()).dispatch({ origin: server.origin, path: '/plan', method: 'GET' }, handler);
    expect(await handler.done).toMatch(/^> \{"method":"GET"/);
    expect(typeof seen[0]?.onResponseError).toBe('undefined');
    expect(typeof seen[0]?.onHeaders).toBe('undefined');
  });

  test('callbacks run in the context of their caller, also on a connection that another opened', async () => {
    const dispatcher = tracedAgent();
    await inSpan('opener', async () => (await request(server.origin, { dispatcher })).body.dump());
    const names = await inSpan('caller', async () => {
      const inside: (string | undefined)[] = [];
      const note = (): void => void inside.push(trace.getActiveSpan()?.spanContext().spanId);
      await new Promise<void>((resolve, reject) => {
        const handler: Dispatcher.DispatchHandler = {
          onRequestStart: note,
          onResponseStart: note,
          onResponseData: note,
          onResponseEnd: () => (note(), resolve()),
          onResponseError: (_controller, error) => reject(error),
        };
        dispatcher.dispatch({ origin: server.origin, path: '/plan', method: 'GET' }, handler);
      });
      return inside;
    });
    const caller = telemetry.find('caller').spanContext().spanId;
    expect(names).toEqual([caller, caller, caller, caller]);
  });

  test('a CONNECT goes through untouched, and what is no dispatch is for undici to refuse', () => {
    const calls: unknown[][] = [];
    const dispatch = traceInterceptor()((...args: never[]) => calls.push(args) > 0) as unknown as (
      ...args: unknown[]
    ) => boolean;
    const options = { origin: server.origin, path: 'example.com:443', method: 'CONNECT' };
    const handler = {};
    dispatch(options, handler);
    dispatch(undefined, undefined);
    expect(calls[0]?.[0]).toBe(options);
    expect(calls[0]?.[1]).toBe(handler);
    expect(calls[1]).toEqual([undefined, undefined]);
    expect(telemetry.spans()).toEqual([]);
  });
});

test('wrong options are refused at construction', () => {
  expect(() => traceInterceptor({ existing: 'merge' as 'keep' })).toThrow(
    expect.objectContaining({ code: 'ERR_THROUGHLINE_OPTION' }),
  );
});
