import { once } from 'node:events';
import http from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import https from 'node:https';
import type { connect } from 'node:net';
import { context, createContextKey, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { withDeadline } from '@throughline/core';
import { parseBaggage } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceAgent, traceHttp } from '../src/node.ts';
import { closedPort, deepFreeze, sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';
import { textOf } from './responses.ts';

let telemetry: Telemetry;
let server: EchoServer;
beforeAll(async () => {
  telemetry = startTelemetry();
  server = await startEchoServer();
});
afterEach(() => telemetry.reset());
afterAll(async () => {
  await server.close();
  await telemetry.shutdown();
});

const inWork = <T>(work: () => Promise<T>): Promise<T> =>
  trace.getTracer('test').startActiveSpan('work', async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });
const echoOf = async (request: ClientRequest): Promise<Echo> => JSON.parse(await textOf(request)) as Echo;
/** The hop's span. */
const hop = () => telemetry.spans().find(({ kind }) => kind === 2)!;
const errorTypes = () =>
  telemetry.spans().flatMap(({ kind, attributes }) => (kind === 2 ? [attributes['error.type']] : []));
const traced = traceHttp(http);
const ended = (request: ClientRequest): ClientRequest => request.end();
/** Leads every name to the server on loopback. */
const lookup = ((_: string, options: { all?: boolean }, found: (...args: unknown[]) => void) =>
  options.all === true
    ? found(null, [{ address: '127.0.0.1', family: 4 }])
    : found(null, '127.0.0.1', 4)) as unknown as NonNullable<RequestOptions['lookup']>;

describe('the span', () => {
  test('is a CLIENT span by the stable conventions', async () => {
    const url = `http://user:word@localhost:${server.port}/plan?token=1&b=2#part`;
    await inWork(() => textOf(ended(traced.request(url, { method: 'post', lookup }))));
    expect(hop()).toMatchObject({
      name: 'POST',
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'server.address': 'localhost',
        'server.port': server.port,
        'url.full': `http://localhost:${server.port}/plan?token=REDACTED&b=2`,
      },
    });
    expect(hop().attributes['http.request.method_original']).toBeUndefined();
  });

  test('shows in nothing that lists the members of a request', async () => {
    const [request, plain] = [ended(traced.request(server.origin)), ended(http.request(server.origin))];
    expect(Object.keys(request)).toEqual(Object.keys(plain));
    await Promise.all([textOf(request), textOf(plain)]);
  });

  test('is there for an address with a zone, and names it without', async () => {
    // Nobody listens there: what counts is how it is named.
    const options = { host: '::1%lo', port: await closedPort() };
    await textOf(ended(traced.request(options))).catch(() => {});
    await textOf(ended(http.request({ ...options, agent: traceAgent(new http.Agent()) }))).catch(() => {});
    expect(telemetry.spans().map(({ attributes }) => attributes['server.address'])).toEqual(['::1', '::1']);
  });

  test('is an error from 400 on', async () => {
    await textOf(traced.get(`${server.origin}/status/503`));
    expect(hop().status.code).toBe(SpanStatusCode.ERROR);
    expect(errorTypes()).toEqual(['503']);
  });

  test("has the module's protocol and its port", async () => {
    const { request } = traceHttp(https);
    await expect(textOf(ended(request({ host: '127.0.0.1', port: await closedPort() })))).rejects.toThrow(
      'ECONNREFUSED',
    );
    await expect(textOf(ended(request({ host: 'no-such-host.invalid' })))).rejects.toThrow('ENOTFOUND');
    expect(telemetry.spans().map(({ attributes }) => attributes['url.full'])).toEqual([
      expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+\/$/),
      'https://no-such-host.invalid/',
    ]);
    expect(telemetry.spans()[1]?.attributes['server.port']).toBe(443);
  });

  test('ends at the headers of a body that never ends', async () => {
    const request = traced.get(`${server.origin}/stream`);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(hop().attributes['http.response.status_code']).toBe(200);
    response.on('error', () => {}).destroy();
  });

  test('names whom a request through a proxy is for, who decides about baggage', async () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'a' } });
    const echo = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      echoOf(ended(traced.request({ port: server.port, path: 'http://api.example.com/v1' }))),
    );
    expect(sent(echo, 'baggage')).toEqual([]);
    expect(hop().attributes).toMatchObject({
      'server.address': 'api.example.com',
      'url.full': 'http://api.example.com/v1',
    });
  });
});

describe('every way to call', () => {
  const seen: string[] = [];
  const told = (response: IncomingMessage): void => void seen.push(String(response.statusCode));
  const at = () => new URL(`${server.origin}/plan`);
  const options = () => ({ host: '127.0.0.1', port: server.port, path: '/plan' });
  const mine = { headers: { mine: 'stays' } };
  const ways: Record<string, () => [ClientRequest, boolean, boolean]> = {
    string: () => [traced.request(at().href), false, false],
    'string, callback': () => [traced.request(at().href, told), true, false],
    'string, options': () => [traced.request(at().href, mine), false, true],
    'string, undefined, callback': () => [traced.request(at().href, undefined as never, told), true, false],
    'string, null, callback': () => [traced.request(at().href, null as never, told), true, false],
    'string, options, callback': () => [traced.request(at().href, mine, told), true, true],
    URL: () => [traced.request(at()), false, false],
    'URL, callback': () => [traced.request(at(), told), true, false],
    'URL, options, callback': () => [traced.request(at(), mine, told), true, true],
    options: () => [traced.request({ ...options(), ...mine }), false, true],
    'options, callback': () => [traced.request({ ...options(), ...mine }, told), true, true],
    'options over a URL': () => [
      traced.request('http://elsewhere.invalid/other', { ...options(), hostname: '127.0.0.1', ...mine }, told),
      true,
      true,
    ],
    'get: string, callback': () => [traced.get(at().href, told), true, false],
    'get: options, callback': () => [traced.get({ ...options(), ...mine }, told), true, true],
    'frozen options': () => [traced.request(deepFreeze({ ...options(), ...mine }), told), true, true],
    'headers as a flat list': () => [
      traced.request({ ...options(), headers: ['mine', 'stays', 'Host', 'a'] }, told),
      true,
      true,
    ],
    'headers as a list of pairs': () => [
      traced.request(
        {
          ...options(),
          headers: deepFreeze([
            ['mine', 'stays'],
            ['Host', 'a'],
          ]) as never,
        },
        told,
      ),
      true,
      true,
    ],
  };
  test.each(Object.entries(ways))('%s', async (_, call) => {
    seen.length = 0;
    const { echo, hasCallback, hasHeader, url } = await inWork(async () => {
      const [request, hasCallback, hasHeader] = call();
      const echo = await echoOf(ended(request));
      return { echo, hasCallback, hasHeader, url: request.path };
    });
    expect([echo.url, url]).toEqual(['/plan', '/plan']);
    expect(seen).toEqual(hasCallback ? ['200'] : []);
    expect(sent(echo, 'mine')).toEqual(hasHeader ? ['stays'] : []);
    expect(sent(echo, 'traceparent')).toEqual([expect.stringContaining(hop().spanContext().spanId)]);
    expect(hop().attributes['url.full']).toBe(at().href);
  });

  const refused: Record<string, (module: typeof http) => unknown> = {
    'no URL': ({ request }) => request('nonsense'),
    'an odd list of headers': ({ request }) => request({ headers: ['odd'] }),
    'a path with a space': ({ request }) => request({ path: 'a b' }),
    'a bad method': ({ request }) => request({ method: 'bad method' }),
    'a protocol of another module': ({ request }) => request('https://localhost'),
    'a bad header': ({ request }) => request({ headers: { 'bad header': 'x' } }),
  };
  test.each(Object.entries(refused))('what Node refuses it refuses, as ever: %s', (_, call) => {
    const failureOf = (module: typeof http): unknown => {
      try {
        return call(module);
      } catch (error) {
        return [(error as Error).message, (error as { code?: unknown }).code];
      }
    };
    expect(failureOf(traced)).toEqual(failureOf(http));
    expect(failureOf(http)).toBeInstanceOf(Array);
  });

  test('everything else of the module is there, and the module is not changed', () => {
    expect(traced.Agent).toBe(http.Agent);
    expect(new traced.Agent()).toBeInstanceOf(http.Agent);
    expect(traced.globalAgent).toBe(http.globalAgent);
    expect(traced.request).not.toBe(http.request);
    expect(traceHttp(traced)).toBe(traced);
  });
});

describe('listeners', () => {
  const key = createContextKey('test');
  test("run in the caller's context: of the request and of the response, on a connection that others opened", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const call = (own: number): Promise<unknown[]> =>
      context.with(context.active().setValue(key, own), async () => {
        const seen: unknown[] = [];
        const note = (what: string) => () => seen.push(what, context.active().getValue(key));
        const request = traced.get(`${server.origin}/plan`, { agent }, note('callback'));
        request.on('socket', note('socket'));
        const response = await new Promise<IncomingMessage>((resolve) => request.on('response', resolve));
        response.on('data', note('data')).on('end', note('end'));
        await once(request, 'close');
        return seen.flatMap((value, at) => (at % 2 === 1 && value !== own ? [seen[at - 1]] : []));
      });
    expect(await Promise.all([1, 2, 3].map(call))).toEqual([[], [], []]);
    agent.destroy();
  });

  test('are as many as without us: an answer that nobody reads is thrown away, and its connection used again', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const request = traced.get(`${server.origin}/plan`, { agent });
    expect([request.listenerCount('response'), request.listenerCount('error')]).toEqual([0, 0]);
    await once(request, 'close');
    expect((await echoOf(traced.get(`${server.origin}/again`, { agent }))).url).toBe('/again');
    agent.destroy();
  });
});

describe('what goes wrong', () => {
  const hang = () => `${server.origin}/hang`;
  const failureOf = (request: ClientRequest): Promise<unknown> => textOf(request).then(() => 'nothing', String);
  const cases: Record<string, [(module: typeof http) => ClientRequest, string | undefined]> = {
    'the connection is dropped': [(m) => m.get(`${server.origin}/drop`), 'ECONNRESET'],
    'the name does not exist': [(m) => m.get('http://no-such-host.invalid'), 'ENOTFOUND'],
    'a timeout of its signal': [(m) => m.get(hang(), { signal: AbortSignal.timeout(30) }), 'TimeoutError'],
    'it is aborted by its signal': [
      (m) => {
        const controller = new AbortController();
        const request = m.get(hang(), { signal: controller.signal });
        request.on('socket', () => setImmediate(() => controller.abort()));
        return request;
      },
      undefined,
    ],
    'it is destroyed': [
      (m) => {
        const request = m.get(hang());
        request.on('socket', () => setImmediate(() => request.destroy()));
        return request;
      },
      undefined,
    ],
    'it is destroyed at once': [(m) => m.get(hang()).destroy(), undefined],
    'it is destroyed with an error': [(m) => m.get(hang()).destroy(new RangeError('mine')), 'RangeError'],
    'it is destroyed at a timeout': [
      (m) => {
        const request = m.get(hang(), { timeout: 30 });
        return request.on('timeout', () => request.destroy());
      },
      'TimeoutError',
    ],
  };
  test.each(Object.entries(cases))('%s: the same traced as bare', async (_, [call, type]) => {
    const bare = await failureOf(call(http));
    expect(bare).not.toBe('nothing');
    expect(await failureOf(call(traced))).toBe(bare);
    expect(errorTypes()).toEqual([type]);
    if (type === undefined) expect(hop().attributes['throughline.aborted']).toBe(true);
  });

  test('nobody listens', async () => {
    const port = await closedPort();
    await expect(textOf(traced.get({ port, host: '127.0.0.1' }))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(errorTypes()).toEqual(['ECONNREFUSED']);
  });

  test('it is destroyed while it waits for a socket that never comes: the span ends', async () => {
    const agent = new http.Agent({ maxSockets: 1 });
    const first = traced.get(hang(), { agent }).on('error', () => {});
    const second = traced.get(hang(), { agent }).on('error', () => {});
    second.destroy();
    expect(hop().attributes['throughline.aborted']).toBe(true);
    const closed = new Promise((resolve) => first.on('close', resolve));
    first.destroy();
    await closed;
    agent.destroy();
  });

  test('a deadline of the chain destroys it', async () => {
    await withDeadline(30, () => expect(textOf(traced.get(hang()))).rejects.toMatchObject({ name: 'TimeoutError' }));
    expect(errorTypes()).toEqual(['TimeoutError']);
  });

  test('a limit of the chain: it emits the error, in the caller’s context, and goes to nobody', async () => {
    const deep = propagation.setBaggage(ROOT_CONTEXT, parseBaggage('throughline.lineage=1.4.32.1.-.-.-')!);
    const { request } = traceHttp(http, { lineage: { mode: 'enforce', maxHops: 4 } });
    const called: unknown[] = [];
    const asked = context.with(deep, () =>
      request(`${server.origin}/refused`, { method: 'POST' }, () => called.push('answered')),
    );
    expect(asked).toBeInstanceOf(http.ClientRequest);
    asked.write('body');
    asked.end('more');
    const [error] = (await once(asked, 'error').catch((thrown: unknown) => [thrown])) as [unknown];
    expect(error).toMatchObject({ code: 'ERR_THROUGHLINE_REFUSED', reason: 'hops' });
    expect(called).toEqual([]);
    expect(server.seen.map(({ url }) => url)).not.toContain('/refused');
    expect(errorTypes()).toEqual(['throughline.hops']);
    expect(asked.destroyed).toBe(true);
  });
});

describe('what is no plain request', () => {
  test('Expect: 100-continue', async () => {
    const continuing = http.createServer();
    continuing.on('checkContinue', (request, response) => {
      response.writeContinue();
      request.resume().on('end', () => response.end(JSON.stringify(request.rawHeaders)));
    });
    await new Promise<void>((resolve) => continuing.listen(0, '127.0.0.1', resolve));
    const { port } = continuing.address() as { port: number };
    const request = traced.request({ port, host: '127.0.0.1', method: 'POST', headers: { expect: '100-continue' } });
    request.on('continue', () => request.end('body'));
    request.flushHeaders();
    const rawHeaders = JSON.parse(await textOf(request)) as string[];
    expect(sent({ rawHeaders }, 'traceparent')).toHaveLength(1);
    expect(hop().attributes['http.response.status_code']).toBe(200);
    continuing.close();
  });

  test('an upgrade: the span ends when the protocol changes', async () => {
    const request = traced.get(`${server.origin}/ws`, { headers: { connection: 'upgrade', upgrade: 'echo' } });
    const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, { destroy(): void }];
    expect(hop().attributes['http.response.status_code']).toBe(101);
    expect(errorTypes()).toEqual([undefined]);
    socket.destroy();
  });

  test('CONNECT: a tunnel is no hop', async () => {
    const proxy = http.createServer().on('connect', (request, socket) => {
      socket.end(`HTTP/1.1 200 OK\r\n\r\n${String('traceparent' in request.headers)}`);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as { port: number };
    const request = ended(traced.request({ port, method: 'CONNECT', path: 'a.invalid:80' }));
    const [, socket] = (await once(request, 'connect')) as [IncomingMessage, ReturnType<typeof connect>];
    socket.destroy();
    expect(telemetry.spans()).toEqual([]);
    proxy.close();
  });
});

describe('traceAgent', () => {
  test('traces what a client makes that takes an agent alone, and each request on a connection that stays', async () => {
    const agent = traceAgent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
    expect(agent).toBeInstanceOf(http.Agent);
    const echoes = await inWork(() => Promise.all([1, 2].map(() => echoOf(http.get(server.origin, { agent })))));
    const ids = telemetry.spans().flatMap((span) => (span.kind === 2 ? [span.spanContext().spanId] : []));
    expect(new Set(echoes.map((echo) => sent(echo, 'traceparent')[0]?.slice(36, 52)))).toEqual(new Set(ids));
    expect(hop().attributes).toMatchObject({ 'server.port': server.port, 'url.full': `${server.origin}/` });
    agent.destroy();
  });

  test('makes no span of a request that is aborted before', async () => {
    const asked = http.get(server.origin, { agent: traceAgent(new http.Agent()), signal: AbortSignal.abort() });
    await expect(once(asked, 'response')).rejects.toMatchObject({ name: 'AbortError' });
    expect(telemetry.spans()).toEqual([]);
  });

  test('leaves a request alone that is traced already', async () => {
    const agent = traceAgent(new http.Agent());
    const echo = await inWork(() => echoOf(traced.get(server.origin, { agent })));
    expect(telemetry.spans().filter(({ kind }) => kind === 2)).toHaveLength(1);
    expect(sent(echo, 'traceparent')).toHaveLength(1);
  });

  test('lets a request go whose headers are on their way', async () => {
    const agent = traceAgent(new http.Agent());
    const echo = await echoOf(http.get(server.origin, { agent, headers: ['host', 'a', 'mine', 'stays'] }));
    expect(sent(echo, 'mine')).toEqual(['stays']);
    expect(telemetry.spans()).toEqual([]);
  });
});

test('a wrong option, or what is no module, is said at once', () => {
  expect(() => traceHttp(http, { firstPart: true } as never)).toThrow('firstPart');
  expect(() => traceHttp({} as never)).toThrow("traceHttp(http), after `import http from 'node:http'`");
  expect(() => traceAgent({} as never)).toThrow('traceAgent(new http.Agent');
});
