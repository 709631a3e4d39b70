import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { withDeadline } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { traceFetch } from '../src/index.ts';
import type { FetchOptions } from '../src/index.ts';
import { closedPort, deepFreeze, sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';

let telemetry: Telemetry;
let server: EchoServer;
const fetch = traceFetch();

beforeAll(async () => {
  telemetry = startTelemetry();
  server = await startEchoServer();
});
afterEach(() => telemetry.reset());
afterAll(async () => {
  await server.close();
  await telemetry.shutdown();
});

const traced = <T>(work: () => Promise<T>): Promise<T> =>
  trace.getTracer('test').startActiveSpan('work', async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('the call was answered'),
    (error: unknown) => error,
  );
}

describe('the CLIENT span', () => {
  test('follows the stable HTTP conventions and is the parent that the server sees', async () => {
    const echo = (await traced(async () => (await fetch(`${server.origin}/plan?step=1`)).json())) as Echo;
    const span = telemetry.find('GET');
    const work = telemetry.find('work');
    expect(span.kind).toBe(SpanKind.CLIENT);
    expect(span.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': server.port,
      'url.full': `${server.origin}/plan?step=1`,
    });
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.instrumentationScope.name).toBe('@throughline/fetch');
    expect(span.parentSpanContext?.spanId).toBe(work.spanContext().spanId);
    const { traceId, spanId } = span.spanContext();
    expect(sent(echo, 'traceparent').map((value) => value.slice(0, 53))).toEqual([
      `00-${traceId}-${spanId}-`.slice(0, 53),
    ]);
    expect(await telemetry.hops()).toEqual({ 'http outbound continued': 1 });
  });

  test('is an error from status 400 on, by its number', async () => {
    expect((await fetch(`${server.origin}/status/404`)).status).toBe(404);
    expect((await fetch(`${server.origin}/status/399`)).status).toBe(399);
    const [notFound, last] = telemetry.spans();
    expect(notFound?.attributes).toMatchObject({ 'http.response.status_code': 404, 'error.type': '404' });
    expect(notFound?.status.code).toBe(SpanStatusCode.ERROR);
    expect(last?.attributes).not.toHaveProperty('error.type');
    expect(last?.status.code).toBe(SpanStatusCode.UNSET);
  });

  test.each([
    { method: 'post', name: 'POST', recorded: 'POST', original: 'post' },
    { method: 'PATCH', name: 'PATCH', recorded: 'PATCH', original: undefined },
    { method: 'PURGE', name: 'HTTP', recorded: '_OTHER', original: 'PURGE' },
  ])('names the method $method as the conventions do', async ({ method, name, recorded, original }) => {
    await fetch(server.origin, { method }).catch(() => {});
    const { attributes } = telemetry.find(name);
    expect(attributes['http.request.method']).toBe(recorded);
    expect(attributes['http.request.method_original']).toBe(original);
  });

  test('ends at the headers: a body that still streams does not hold it open', async () => {
    const response = await fetch(`${server.origin}/stream`);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['GET']);
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('first');
    await reader.cancel();
  });

  test('is one for a call that is redirected, with the last status, and every request of it names it', async () => {
    await fetch(`${server.origin}/redirect`);
    const span = telemetry.find('GET');
    expect(telemetry.spans()).toHaveLength(1);
    expect(span.attributes).toMatchObject({
      'http.response.status_code': 200,
      'url.full': `${server.origin}/redirect`,
    });
    const named = server.seen.slice(-2).map((echo) => [echo.url, sent(echo, 'traceparent')]);
    const ours = [expect.stringContaining(span.spanContext().spanId)];
    expect(named).toEqual([
      ['/redirect', ours],
      ['/landed', ours],
    ]);
  });

  test('is left out under `spans: false`, and the active span is what travels', async () => {
    const propagating = traceFetch(undefined, { spans: false });
    const echo = (await traced(async () => (await propagating(server.origin)).json())) as Echo;
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['work']);
    expect(sent(echo, 'traceparent')[0]).toContain(telemetry.find('work').spanContext().spanId);
  });

  test('carries no URL of a scheme that reaches nobody, because there is none', async () => {
    expect(await (await fetch('data:text/plain,secret')).text()).toBe('secret');
    expect(telemetry.spans()).toEqual([]);
  });
});

describe('every form of input', () => {
  const url = (): string => `${server.origin}/form`;
  const stream = (): ReadableStream<Uint8Array> => new Blob(['streamed']).stream();
  const plain = (init: RequestInit): RequestInit => deepFreeze(init);

  test.each<[string, () => Parameters<typeof globalThis.fetch>, Partial<Echo>]>([
    ['a string', () => [url()], { method: 'GET' }],
    ['a URL', () => [new URL(url())], { method: 'GET' }],
    [
      'a Request',
      () => [new Request(url(), { method: 'PUT', headers: { 'x-mine': '1' }, body: 'put' })],
      { method: 'PUT', body: 'put' },
    ],
    [
      'a Request with a streamed body',
      () => [
        new Request(url(), {
          method: 'POST',
          headers: { 'x-mine': '1' },
          body: stream(),
          duplex: 'half',
        } as RequestInit),
      ],
      { method: 'POST', body: 'streamed' },
    ],
    [
      'a Request and an init',
      () => [
        new Request(url(), { method: 'PUT', headers: { 'x-mine': '0' }, body: 'put' }),
        plain({ headers: { 'x-mine': '1' } }),
      ],
      { method: 'PUT', body: 'put' },
    ],
    [
      'a Request as init',
      () => [
        url(),
        new Request('http://elsewhere.example', { method: 'POST', headers: { 'x-mine': '1' }, body: 'post' }),
      ],
      { method: 'POST', body: 'post' },
    ],
    ['headers in a record', () => [url(), plain({ headers: { 'x-mine': '1' } })], { method: 'GET' }],
    ['headers in pairs', () => [url(), plain({ headers: [['x-mine', '1']] })], { method: 'GET' }],
    ['headers in Headers', () => [url(), { headers: new Headers({ 'x-mine': '1' }) }], { method: 'GET' }],
    [
      'headers in a Map',
      () => [url(), { headers: new Map([['x-mine', '1']]) as unknown as Headers }],
      { method: 'GET' },
    ],
    [
      'headers in an iterator that can be read once',
      () => [url(), { headers: new Map([['x-mine', '1']]).entries() as unknown as [string, string][] }],
      { method: 'GET' },
    ],
    [
      'a streamed body',
      () => [url(), { method: 'POST', headers: { 'x-mine': '1' }, body: stream(), duplex: 'half' } as RequestInit],
      { method: 'POST', body: 'streamed' },
    ],
    [
      'a form',
      () => [url(), { method: 'POST', headers: { 'x-mine': '1' }, body: new URLSearchParams({ q: 'a b' }) }],
      { method: 'POST', body: 'q=a+b' },
    ],
  ])('%s arrives whole, with one traceparent', async (name, call, expected) => {
    const echo = (await traced(async () => (await fetch(...call())).json())) as Echo;
    expect(echo).toMatchObject({ url: '/form', ...expected });
    expect(sent(echo, 'traceparent')).toHaveLength(1);
    if (!['a string', 'a URL'].includes(name)) expect(sent(echo, 'x-mine')).toEqual(['1']);
  });

  test('the same goes where nothing is written, under suppressed tracing', async () => {
    const { suppressTracing } = await import('@opentelemetry/core');
    const headers = new Map([['x-mine', '1']]).entries() as unknown as [string, string][];
    const response = await context.with(suppressTracing(context.active()), () => fetch(url(), { headers }));
    const echo = (await response.json()) as Echo;
    expect(sent(echo, 'x-mine')).toEqual(['1']);
    expect(sent(echo, 'traceparent')).toEqual([]);
    expect(telemetry.spans()).toEqual([]);
  });

  test('what the caller handed in is not changed', async () => {
    const headers = new Headers({ 'x-mine': '1' });
    const request = new Request(url(), { headers });
    const init = { headers };
    await fetch(request);
    await fetch(url(), init);
    expect([...headers]).toEqual([['x-mine', '1']]);
    expect([...request.headers]).toEqual([['x-mine', '1']]);
    expect(init).toEqual({ headers });
  });

  test('a Request keeps what an init would make fetch forget', async () => {
    let seen: Request | undefined;
    const custom = traceFetch(async (input: RequestInfo, init?: RequestInit) => {
      seen = new Request(input, init);
      return new Response();
    });
    const request = new Request(url(), { referrer: '', referrerPolicy: 'no-referrer', headers: { 'x-mine': '1' } });
    await custom(request);
    await custom(request, {});
    expect(seen?.referrer).toBe(request.referrer);
    expect(seen?.referrerPolicy).toBe('no-referrer');
    expect(seen?.headers.get('x-mine')).toBe('1');
    expect(seen?.headers.get('traceparent')).not.toBeNull();
  });
});

describe('a call that fails', () => {
  test('rejects with the same error object, and the span names its cause', async () => {
    const port = await closedPort();
    let thrown: unknown;
    const watching = traceFetch((...args: Parameters<typeof globalThis.fetch>) =>
      globalThis.fetch(...args).catch((error: unknown) => {
        thrown = error;
        throw error;
      }),
    );
    const error = await rejection(watching(`http://127.0.0.1:${port}/`));
    expect(error).toBe(thrown);
    expect(error).toBeInstanceOf(TypeError);
    const span = telemetry.find('GET');
    expect(span.attributes['error.type']).toBe('ECONNREFUSED');
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: `connect ECONNREFUSED 127.0.0.1:${port}` });
  });

  test('the text of an error is on the span of a call to a first party, and of a third party on request alone', async () => {
    const told = 'the key sk-live-1 is out of credit';
    // What undici's parser makes of it quotes the bytes.
    const broken = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end(`HTTP/1.1 ${told}\r\n\r\n`),
    );
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(broken.address() as AddressInfo).port}/`;
    const shown = async (options: FetchOptions): Promise<unknown> => {
      await telemetry.reset();
      await rejection(traceFetch(undefined, options)(url));
      const { attributes, events, status } = telemetry.find('GET');
      expect(attributes['error.type']).toBe('HTTPParserError');
      expect(events).toEqual([]);
      return status.message;
    };
    expect(await shown({})).toMatch(/./);
    expect(await shown({ firstParty: false })).toBeUndefined();
    expect(await shown({ firstParty: false, recordErrorText: true })).toMatch(/./);
    await new Promise((resolve) => broken.close(resolve));
    // @ts-expect-error -- a wrong option
    expect(() => traceFetch(undefined, { recordErrorText: 1 })).toThrow('`recordErrorText` takes true or false');
  });

  test('a dropped connection is named by its code', async () => {
    await rejection(fetch(`${server.origin}/drop`));
    expect(telemetry.find('GET').attributes['error.type']).toBe('UND_ERR_SOCKET');
  });

  test('a timeout is a TimeoutError', async () => {
    await rejection(fetch(`${server.origin}/hang`, { signal: AbortSignal.timeout(20) }));
    expect(telemetry.find('GET').attributes['error.type']).toBe('TimeoutError');
  });

  test('an abort after the headers stops the body, and leaves the span as it ended', async () => {
    const controller = new AbortController();
    const response = await fetch(`${server.origin}/stream`, { signal: controller.signal });
    controller.abort();
    expect(await rejection(response.text())).toBe(controller.signal.reason);
    expect(telemetry.find('GET').attributes).not.toHaveProperty('error.type');
  });

  test('an input that is no URL is reported by fetch itself', async () => {
    const theirs = await rejection(globalThis.fetch('no url'));
    const ours = await rejection(fetch('no url'));
    expect(ours).toEqual(theirs);
    const { attributes, status } = telemetry.find('GET');
    expect(attributes).toEqual({ 'http.request.method': 'GET', 'error.type': 'ERR_INVALID_URL' });
    expect(status).toEqual({ code: SpanStatusCode.ERROR });
  });

  test('the URL is shown without the values of sensitive keys, however they are written, and of those that you name', async () => {
    const url = `${server.origin}/a;jsessionid=s?API_KEY=s&%74oken=s;password=s&email=joe&q=1#access_token=s`;
    await fetch(url);
    await traceFetch(undefined, { redactQueryKeys: ['e*'] })(url);
    const shown = (email: string): string =>
      `${server.origin}/a;jsessionid=REDACTED?API_KEY=REDACTED&%74oken=REDACTED&email=${email}&q=1#access_token=REDACTED`;
    expect(telemetry.spans().map(({ attributes }) => attributes['url.full'])).toEqual([
      shown('joe'),
      shown('REDACTED'),
    ]);
    // @ts-expect-error -- a wrong option
    expect(() => traceFetch(undefined, { redactQueryKeys: 'email' })).toThrow('`redactQueryKeys` takes a list');
  });

  test('credentials in a URL reach neither an attribute nor the status', async () => {
    await rejection(fetch(`http://alice:wonderland@127.0.0.1:${server.port}/?sig=looking-glass&q=1`));
    const { attributes, status } = telemetry.find('GET');
    expect(attributes['url.full']).toBe(`http://REDACTED:REDACTED@127.0.0.1:${server.port}/?sig=REDACTED&q=1`);
    expect(JSON.stringify({ attributes, status })).not.toMatch(/alice|wonderland|looking-glass/);
  });

  test.each([[null], [7], ['text'], [[['only']]], [{ 'bad name': '1' }]])(
    'headers %j are rejected as fetch rejects them',
    async (headers) => {
      const init = { headers: headers as unknown as Headers };
      const theirs = await rejection(globalThis.fetch(server.origin, init));
      expect(await rejection(fetch(server.origin, init))).toEqual(theirs);
      expect(telemetry.find('GET').status.code).toBe(SpanStatusCode.ERROR);
    },
  );

  test.each(['method', 'headers', 'signal'])(
    'an init whose %s throws when it is read rejects with that error',
    async (name) => {
      const broken = new Error('broken getter');
      const get = (): never => {
        throw broken;
      };
      expect(await rejection(fetch(server.origin, Object.defineProperty({}, name, { enumerable: true, get })))).toBe(
        broken,
      );
    },
  );
});

// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status
describe('a call that its caller aborts is no error', () => {
  const unharmed = (): void => {
    const { attributes, status } = telemetry.find('GET');
    expect(attributes).toMatchObject({ 'throughline.aborted': true, 'url.full': expect.any(String) as string });
    expect(attributes).not.toHaveProperty('error.type');
    expect(status).toEqual({ code: SpanStatusCode.UNSET });
  };
  class Changed extends Error {
    override readonly name = 'Changed';
  }
  const thrower = {
    get name(): string {
      throw new Error('no name');
    },
  };
  const hang = async (call: (url: string, controller: AbortController) => Promise<unknown>, reason?: unknown) => {
    const controller = new AbortController();
    const before = server.seen.length;
    const rejected = rejection(call(`${server.origin}/hang`, controller));
    await vi.waitUntil(() => server.seen.length > before);
    expect(telemetry.spans()).toEqual([]);
    controller.abort(reason);
    expect(await rejected).toBe(controller.signal.reason);
  };

  test('by a signal that was aborted before the call', async () => {
    const signal = AbortSignal.abort();
    expect(await rejection(fetch(server.origin, { signal }))).toBe(signal.reason);
    unharmed();
    expect(await telemetry.hops()).toEqual({ 'http outbound started': 1 });
  });

  test.each([
    ['undefined', undefined],
    ['an error of its own', new Changed('another question')],
    ['a text', 'text'],
    ['a number', NaN],
    ['null', null],
    ['an object that cannot be read', thrower],
  ])('while the server thinks, with the reason %s, which comes out', async (_, reason) => {
    await hang((url, { signal }) => fetch(url, { signal }), reason);
    unharmed();
  });

  test('by the signal of a Request, also where `init` has none', async () => {
    await hang((url, { signal }) => fetch(new Request(url, { signal })));
    unharmed();
    await telemetry.reset();
    await hang((url, { signal }) =>
      fetch(new Request(url, { signal }), { signal: undefined } as unknown as RequestInit),
    );
    unharmed();
  });

  test('before a deadline of the chain, whichever of the two signals is the Request’s', async () => {
    await hang((url, { signal }) => withDeadline(60_000, () => fetch(url, { signal })));
    unharmed();
    await telemetry.reset();
    const init = { signal: undefined } as unknown as RequestInit;
    await hang((url, { signal }) => withDeadline(60_000, () => fetch(new Request(url, { signal }), init)));
    unharmed();
  });

  test('through a fetch that has an AbortError of its own', async () => {
    const controller = new AbortController();
    const own = traceFetch(async (_url: string, _init?: { signal: AbortSignal }): Promise<Response> => {
      controller.abort(new Changed());
      throw new DOMException('mine', 'AbortError');
    });
    await rejection(own('http://x/', { signal: controller.signal }));
    unharmed();
  });
});

describe('an abort that is an error', () => {
  test('of a signal that is not the call’s own', async () => {
    const own = traceFetch(async (url: string) => globalThis.fetch(url, { signal: AbortSignal.abort() }));
    await rejection(own(server.origin));
    expect(telemetry.find('GET').attributes['error.type']).toBe('AbortError');
    await telemetry.reset();
    await fetch(new Request(server.origin, { signal: AbortSignal.abort() }), { signal: null });
    expect(telemetry.find('GET').attributes['http.response.status_code']).toBe(200);
  });

  test('of a timeout among other signals', async () => {
    const signal = AbortSignal.any([new AbortController().signal, AbortSignal.timeout(20)]);
    await rejection(fetch(`${server.origin}/hang`, { signal }));
    expect(telemetry.find('GET').attributes['error.type']).toBe('TimeoutError');
    expect(telemetry.find('GET').attributes).not.toHaveProperty('throughline.aborted');
  });

  test('of the deadline, whose signal the caller passes on', async () => {
    await rejection(withDeadline(30, (signal) => fetch(`${server.origin}/hang`, { signal })));
    expect(telemetry.find('GET').attributes['error.type']).toBe('TimeoutError');
  });

  test('that comes too late: the call had failed', async () => {
    const controller = new AbortController();
    const refused = new Error('refused');
    const own = traceFetch(async (_url: string, _init?: { signal: AbortSignal }): Promise<Response> => {
      controller.abort();
      throw refused;
    });
    expect(await rejection(own('http://x/', { signal: controller.signal }))).toBe(refused);
    expect(telemetry.find('GET').attributes['error.type']).toBe('Error');
  });
});

describe('a fetch of the user', () => {
  test('keeps its type, its own properties and its `this`', async () => {
    const client = {
      prefix: server.origin,
      get: traceFetch(async function (this: { prefix: string }, path: string, init?: RequestInit) {
        return (await globalThis.fetch(this.prefix + path, init)).status;
      }),
    };
    const status: Promise<number> = client.get('/status/200');
    expect(await status).toBe(200);
    expect(await client.get('/status/204')).toBe(204);
    const preconnecting = traceFetch(
      Object.assign(async (_url: string) => new Response(), { preconnect: () => 'connected' }),
    );
    expect(preconnecting.preconnect()).toBe('connected');
    // The same type out, also where the argument is left out or may be missing.
    const global: typeof globalThis.fetch = traceFetch(undefined, {});
    const given: typeof globalThis.fetch = traceFetch(globalThis.fetch as typeof globalThis.fetch | undefined);
    expect([typeof global, typeof given]).toEqual(['function', 'function']);
  });

  test('gets headers in the form in which the caller gave them, so that a spread still finds them', async () => {
    const seen: unknown[] = [];
    const spreading = traceFetch(
      async (_input: string, init?: { headers?: unknown }) => {
        seen.push(init?.headers);
        return new Response();
      },
      { lineage: false },
    );
    await spreading('http://x/', { headers: { accept: 'a' } });
    await spreading('http://x/', { headers: [['accept', 'a']] });
    await spreading('http://x/', { headers: new Headers({ accept: 'a' }) });
    await spreading('http://x/');
    const traceparent = expect.stringMatching(/^00-/);
    expect(seen[0]).toEqual({ accept: 'a', traceparent });
    expect(seen[1]).toEqual([
      ['accept', 'a'],
      ['traceparent', traceparent],
    ]);
    expect(seen[2]).toBeInstanceOf(Headers);
    expect(seen[3]).toEqual({ traceparent });
  });

  test('runs its own hops in the trace, unless `suppressInner`', async () => {
    const withToken = async (input: string, init?: RequestInit): Promise<Response> => {
      await fetch(`${server.origin}/token`);
      return globalThis.fetch(input, init);
    };
    await traceFetch(withToken)(server.origin);
    expect(telemetry.spans()).toHaveLength(2);
    const [token, outer] = telemetry.spans();
    expect(token?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
    await telemetry.reset();
    await traceFetch(withToken, { suppressInner: true })(server.origin);
    expect(telemetry.spans().map(({ attributes }) => attributes['url.full'])).toEqual([`${server.origin}/`]);
  });

  test('throws through: the same object, whether it throws or rejects', async () => {
    const mine = { not: 'an Error' };
    const throws = traceFetch((_url: string): Promise<Response> => {
      throw mine;
    });
    let thrown: unknown;
    try {
      void throws('http://x/');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(mine);
    expect(await rejection(traceFetch((_url: string) => Promise.reject(mine))('http://x/'))).toBe(mine);
    expect(telemetry.spans().map(({ attributes }) => attributes['error.type'])).toEqual(['_OTHER', '_OTHER']);
  });

  test('may return anything', async () => {
    expect(traceFetch((_url: string) => 7)('http://x/')).toBe(7);
    expect(await traceFetch(async (_url: string) => undefined)('http://x/')).toBeUndefined();
    const hostile = Object.defineProperty({}, 'status', {
      get: () => {
        throw new Error('no status');
      },
    });
    expect(await traceFetch(async (_url: string) => hostile)('http://x/')).toBe(hostile);
    expect(telemetry.spans()).toHaveLength(3);
  });

  test('that is no function is refused where it is given, with the fix', () => {
    expect(() => traceFetch({} as typeof globalThis.fetch)).toThrow(
      expect.objectContaining({
        code: 'ERR_THROUGHLINE_ARGUMENT',
        message: expect.stringContaining('pass undefined') as string,
      }),
    );
    expect(() => traceFetch(undefined, { outbound: 'block' as 'inject' })).toThrow(
      expect.objectContaining({ code: 'ERR_THROUGHLINE_OPTION' }),
    );
  });
});

describe('wrapping', () => {
  const native = globalThis.fetch;
  afterEach(() => {
    globalThis.fetch = native;
  });

  test('twice is one wrap', async () => {
    const once = traceFetch(native);
    expect(traceFetch(once)).toBe(once);
    await traceFetch(once)(server.origin);
    expect(telemetry.spans()).toHaveLength(1);
  });

  test('a patch of the global fetch that comes later is honoured', async () => {
    const early = traceFetch();
    globalThis.fetch = async () => new Response('patched');
    expect(await (await early(server.origin)).text()).toBe('patched');
    expect(telemetry.spans()).toHaveLength(1);
  });

  test('the wrapper may itself become the global fetch, whose options then hold for wrappers of it', async () => {
    const other = traceFetch(undefined, { agent: 'second' });
    globalThis.fetch = traceFetch(undefined, { agent: 'first' });
    await globalThis.fetch(server.origin);
    await other(server.origin);
    expect(telemetry.spans().map(({ attributes }) => attributes['throughline.agent.name'])).toEqual(['first', 'first']);
  });

  test('a patch of the global fetch may call the wrapper where there is no SDK', async () => {
    await telemetry.shutdown();
    try {
      const early = traceFetch();
      globalThis.fetch = (...args) => early(...args);
      expect((await globalThis.fetch(server.origin)).status).toBe(200);
    } finally {
      telemetry = startTelemetry();
    }
  });

  test.each([
    [
      'at once',
      (traced: typeof native): typeof native =>
        (...args) =>
          traced(...args),
    ],
    [
      'after awaiting',
      (traced: typeof native): typeof native =>
        async (...args) => (await Promise.resolve(), traced(...args)),
    ],
  ])('a patch of the global fetch may call the wrapper %s', async (_, patch) => {
    const early = traceFetch();
    globalThis.fetch = patch(early);
    const echo = (await (await globalThis.fetch(server.origin)).json()) as Echo;
    expect(sent(echo, 'traceparent')).toHaveLength(1);
    expect(telemetry.spans()).toHaveLength(1);
  });
});
