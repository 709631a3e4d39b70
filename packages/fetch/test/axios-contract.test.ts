import { context, createContextKey, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { withDeadline } from '@throughline/core';
import { parseBaggage } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import axios from 'axios';
import type { AxiosError, AxiosInstance, AxiosResponse, InternalAxiosRequestConfig } from 'axios';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { traceAxios } from '../src/node.ts';
import { closedPort, deepFreeze, sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';
import { inChain } from './responses.ts';

const version = axios.VERSION.split('.').map(Number) as [number, number, number];
const since = (minor: number): boolean => version[0] > 1 || version[1] >= minor;

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
/** The spans of hops, in the order in which they ended. */
const hops = () => telemetry.spans().filter(({ kind }) => kind === 2);
const statuses = () =>
  hops().map(({ attributes }) => [
    attributes['http.response.status_code'],
    attributes['http.request.resend_count'],
    attributes['error.type'],
  ]);
const expectSiblings = (): void => {
  const work = telemetry.find('work').spanContext().spanId;
  expect(hops().map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(hops().map(() => work));
};
/** The requests that the server saw since, without one that was given up and may arrive late. */
const arrived = (before: number): Echo[] => server.seen.slice(before).filter(({ url }) => url !== '/hang');
/** The spans that they name, by one header in each. */
const seenSince = (before: number): string[] =>
  arrived(before).map((echo) => {
    const traceparents = sent(echo, 'traceparent');
    expect(traceparents).toHaveLength(1);
    return traceparents[0]!.slice(36, 52);
  });
const ids = () => hops().map((span) => span.spanContext().spanId);

const clients: Record<string, () => AxiosInstance> = {
  'what axios exports': () => traceAxios(axios),
  'an instance': () => traceAxios(axios.create()),
  'an instance that a traced one has created': () => traceAxios(axios).create(),
};

describe.each(Object.entries(clients))('%s', (_, make) => {
  test('every method, and the function itself, is one span and one header', async () => {
    const client = make();
    const url = `${server.origin}/plan`;
    const before = server.seen.length;
    const calls: (() => Promise<AxiosResponse<Echo>>)[] = [
      () => client(url),
      () => client({ url, method: 'PUT' }),
      () => client(url, { method: 'delete' }),
      () => client.request({ url }),
      () => client.get(url),
      () => client.get(url, deepFreeze({ headers: { mine: 'stays' } })),
      () => client.delete(url),
      () => client.head(url),
      () => client.options(url),
      () => client.post(url, { question: 1 }),
      () => client.put(url, 'text', { headers: { mine: 'stays' } }),
      () => client.patch(url),
      () => client.postForm(url, { a: 'b' }),
    ];
    for (const call of calls) expect((await inWork(call)).status).toBe(200);
    expect(seenSince(before)).toEqual(ids());
    expect(server.seen.at(-4)?.body).toBe('{"question":1}');
    expect(server.seen.at(-3)?.body).toBe('text');
    expect(
      hops()
        .map(({ name }) => name)
        .join(' '),
    ).toBe('GET PUT DELETE GET GET GET DELETE HEAD OPTIONS POST PUT PATCH POST');
  });

  test('the span has the URL with baseURL and params, redacted', async () => {
    const client = make();
    await client.get('/plan', { baseURL: server.origin, params: { a: 1, token: 'secret' } });
    expect(hops()[0]?.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': server.port,
      'url.full': `${server.origin}/plan?a=1&token=REDACTED`,
    });
  });

  test('what comes back is as untraced: response, config, headers', async () => {
    const client = make();
    const config = { headers: { mine: 'stays' }, params: { a: 1 } };
    const url = `${server.origin}/plan`;
    const ours = await client.post<Echo>(url, { a: 1 }, config);
    const bare = await axios.post<Echo>(url, { a: 1 }, config);
    expect(
      Object.keys(ours)
        .filter((key) => key !== 'duration')
        .sort(),
    ).toEqual(
      Object.keys(bare)
        .filter((key) => key !== 'duration')
        .sort(),
    );
    expect(ours.data.body).toBe(bare.data.body);
    const shown = ({ config }: AxiosResponse) =>
      JSON.parse(JSON.stringify({ ...config, adapter: 0, transformRequest: 0, transformResponse: 0 })) as unknown;
    expect(shown(ours)).toEqual(shown(bare));
    expect(ours.config.headers.constructor).toBe(bare.config.headers.constructor);
    expect(ours.config.transformRequest).toEqual(bare.config.transformRequest);
    const failure = await client.get(`${server.origin}/status/404`).catch((error: unknown) => error);
    const { config: failed, response } = failure as AxiosError;
    expect(JSON.stringify(failed?.headers)).not.toContain('traceparent');
    expect(response?.config).toBe(failed);
    expect(statuses().at(-1)).toEqual([404, undefined, '404']);
  });
});

describe('a config that is sent again', () => {
  test('by an interceptor that retries: siblings, each with one header, and nothing is left open', async () => {
    const client = traceAxios(axios.create());
    client.interceptors.response.use(undefined, (error: AxiosError) => {
      const config = error.config as InternalAxiosRequestConfig & { tries?: number };
      config.tries = (config.tries ?? 0) + 1;
      return config.tries < 3 ? client(config) : Promise.reject(error);
    });
    const before = server.seen.length;
    await expect(inWork(() => client.post(`${server.origin}/status/503`, { a: 1 }))).rejects.toMatchObject({
      response: { status: 503 },
    });
    expect(statuses()).toEqual([
      [503, undefined, '503'],
      [503, 1, '503'],
      [503, 2, '503'],
    ]);
    expectSiblings();
    expect(seenSince(before)).toEqual(ids());
    expect(server.seen.at(-1)?.body).toBe('{"a":1}');
  });

  test('with no span active it begins a trace of its own, not below the attempt before', async () => {
    const client = traceAxios(axios);
    const failure = await client.get(`${server.origin}/status/500`).catch((error: unknown) => error);
    await client((failure as AxiosError).config!).catch(() => {});
    expect(new Set(hops().map((span) => span.spanContext().traceId)).size).toBe(2);
  });

  // Before 1.2 axios itself cannot send the config of a GET again.
  test.runIf(since(2))('to the instance that was wrapped, or after it went well', async () => {
    const bare = axios.create();
    const client = traceAxios(bare);
    const response = await client.get(`${server.origin}/plan`);
    await bare(response.config);
    await client(response.config);
    expect(statuses()).toEqual(Array.from({ length: 3 }, () => [200, undefined, undefined]));
  });

  test.runIf(since(2))('a hundred at once', async () => {
    const client = traceAxios(axios.create());
    client.interceptors.response.use(undefined, (error: AxiosError & { config: { again?: true } }) => {
      if (error.config.again) throw error;
      error.config.again = true;
      return client(error.config);
    });
    const before = server.seen.length;
    await Promise.allSettled(Array.from({ length: 100 }, () => client.get(`${server.origin}/status/503`)));
    expect(seenSince(before).sort()).toEqual(ids().sort());
    expect(hops()).toHaveLength(200);
  });
});

describe('redirects', () => {
  test('are siblings, each with its own status and header', async () => {
    const before = server.seen.length;
    const own = vi.fn<() => void>();
    const { data } = await inWork(() =>
      traceAxios(axios).get<Echo>(`${server.origin}/redirect`, { beforeRedirect: own, headers: { mine: 'stays' } }),
    );
    expect(data.url).toBe('/landed');
    expect(sent(data, 'mine')).toEqual(['stays']);
    expect(statuses()).toEqual([
      [302, undefined, undefined],
      [200, 1, undefined],
    ]);
    expectSiblings();
    expect(seenSince(before)).toEqual(ids());
    expect(hops()[1]?.attributes['url.full']).toBe(`${server.origin}/landed`);
    expect(own).toHaveBeenCalledTimes(1);
  });

  test('take no baggage to who may not have it', async () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'a' } });
    const params = { to: `http://localhost:${server.port}/landed` };
    const { data } = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      traceAxios(axios, { firstParty: ['127.0.0.1'], baggage: { send: ({ host }) => host === '127.0.0.1' } }).get<Echo>(
        `${server.origin}/redirect`,
        { params },
      ),
    );
    expect(sent(server.seen.at(-2)!, 'baggage')).toEqual(['tenant=a']);
    expect(sent(data, 'baggage')).toEqual([]);
    expect(sent(data, 'traceparent')).toHaveLength(1);
  });

  test('past a limit of the chain are refused', async () => {
    const options = { lineage: { mode: 'enforce', maxCalls: 1 } } as const;
    const before = server.seen.length;
    await inChain(options, () =>
      expect(traceAxios(axios, options).get(`${server.origin}/redirect`)).rejects.toMatchObject({
        code: 'ERR_THROUGHLINE_REFUSED',
      }),
    );
    expect(arrived(before).map(({ url }) => url)).toEqual(['/redirect']);
    expect(statuses().at(-1)?.[2]).toBe('throughline.calls');
  });

  test('that are not followed are one span', async () => {
    await traceAxios(axios)
      .get(`${server.origin}/redirect`, { maxRedirects: 0, validateStatus: () => true })
      .then(({ status }) => expect(status).toBe(302));
    expect(statuses()).toEqual([[302, undefined, undefined]]);
  });
});

describe('adapters', () => {
  const baggage = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value: 'a' } }));

  test('of your own, by call, by instance and by an interceptor', async () => {
    const seen: unknown[] = [];
    const own = (config: InternalAxiosRequestConfig): Promise<AxiosResponse> => {
      seen.push(config.headers['traceparent']);
      return Promise.resolve({ data: 'mine', status: 418, statusText: '', headers: {}, config, request: undefined });
    };
    expect((await traceAxios(axios).get('http://planner.internal/', { adapter: own })).data).toBe('mine');
    const response = await traceAxios(axios.create({ adapter: own })).get('http://planner.internal/');
    expect(JSON.stringify(response.config.headers)).not.toContain('traceparent');
    expect(hops().map(({ attributes }) => attributes['error.type'])).toEqual(['418', '418']);
    expect(seen).toEqual(ids().map((id) => expect.stringContaining(id) as string));
  });

  test.runIf(since(7))(
    'fetch: one span, one header, ended at the headers, and no baggage for third parties',
    async () => {
      const client = traceAxios(axios.create({ adapter: 'fetch' }));
      const { data } = await context.with(baggage, () => client.get<Echo>(`${server.origin}/redirect`));
      expect(sent(data, 'traceparent')).toEqual([expect.stringContaining(ids()[0]!)]);
      expect(sent(data, 'baggage')).toEqual(['tenant=a']);
      expect(statuses()).toEqual([[200, undefined, undefined]]);
      await telemetry.reset();
      const params = { to: `http://localhost:${server.port}/landed` };
      const strict = traceAxios(axios.create({ adapter: 'fetch' }), {
        baggage: { send: ({ host }) => host === '127.0.0.1' },
      });
      const led = await context.with(baggage, () => strict.get<Echo>(`${server.origin}/redirect`, { params }));
      expect(sent(led.data, 'baggage')).toEqual([]);
      await telemetry.reset();
      const controller = new AbortController();
      const open = client.get(`${server.origin}/stream`, { signal: controller.signal }).catch(() => 'aborted');
      await expect.poll(statuses).toEqual([[200, undefined, undefined]]);
      controller.abort();
      expect(await open).toBe('aborted');
    },
  );

  test.runIf(since(2))('one that there is not is reported by axios', async () => {
    await expect(traceAxios(axios).get(server.origin, { adapter: 'nonsense' as never })).rejects.toThrow('nonsense');
    await expect(traceAxios(axios.create()).get(server.origin, { adapter: 'nonsense' as never })).rejects.toThrow(
      'nonsense',
    );
  });
});

describe('what goes wrong', () => {
  const failureOf = async (
    client: AxiosInstance,
    call: (client: AxiosInstance) => Promise<unknown>,
  ): Promise<unknown> =>
    call(client).then(
      () => 'nothing',
      (error: unknown) => {
        const { name, message, code, constructor } = error as AxiosError;
        return { name, message, code, constructor };
      },
    );
  const hang = () => `${server.origin}/hang`;
  const cases: Record<string, [(client: AxiosInstance) => Promise<unknown>, string | undefined]> = {
    'the connection is dropped': [(client) => client.get(`${server.origin}/drop`), 'ECONNRESET'],
    'the name does not exist': [(client) => client.get('http://no-such-host.invalid'), 'ENOTFOUND'],
    'a timeout': [(client) => client.get(hang(), { timeout: 30 }), 'ECONNABORTED'],
    'a timeout of its signal': [(client) => client.get(hang(), { signal: AbortSignal.timeout(30) }), 'TimeoutError'],
    'a timeout told as such': [
      (client) => client.get(hang(), { timeout: 30, transitional: { clarifyTimeoutError: true } }),
      'ETIMEDOUT',
    ],
    'it is aborted': [
      (client) => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 30);
        return client.get(hang(), { signal: controller.signal });
      },
      undefined,
    ],
    'it is cancelled': [
      (client) => {
        const source = axios.CancelToken.source();
        setTimeout(() => source.cancel('mine'), 30);
        return client.get(hang(), { cancelToken: source.token });
      },
      undefined,
    ],
    'too many redirects': [
      (client) => client.get(`${server.origin}/redirect`, { params: { to: '/redirect-to-503' }, maxRedirects: 1 }),
      'none',
    ],
    'no URL': [(client) => client.get('nonsense://x'), 'ERR_BAD_REQUEST'],
  };
  test.each(Object.entries(cases))('%s: the same traced as bare', async (what, [call, type]) => {
    const bare = await failureOf(axios, call);
    expect(bare).not.toBe('nothing');
    expect(await failureOf(traceAxios(axios), call)).toEqual(bare);
    if (what === 'too many redirects') return expect(hops().length).toBeGreaterThan(0);
    if (what === 'no URL') return;
    expect(hops().map(({ attributes }) => attributes['error.type'])).toEqual([type]);
    if (type === undefined) expect(hops()[0]?.attributes['throughline.aborted']).toBe(true);
  });

  test('nobody listens', async () => {
    await expect(traceAxios(axios).get(`http://127.0.0.1:${await closedPort()}`)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    expect(statuses()).toEqual([[undefined, undefined, 'ECONNREFUSED']]);
  });

  test('a data: URL reaches nobody', async () => {
    // The first versions refuse it.
    const asked = (client: typeof axios): Promise<string> =>
      client.get('data:text/plain,hi').then(
        ({ data }) => String(data),
        (error: unknown) => (error as Error).message,
      );
    expect(await asked(traceAxios(axios))).toBe(await asked(axios));
    expect(hops()).toEqual([]);
  });

  test('a signal that is aborted before makes no call', async () => {
    const signal = AbortSignal.abort();
    await expect(traceAxios(axios).get(hang(), { signal })).rejects.toSatisfy(axios.isCancel);
    expect(hops()).toEqual([]);
  });

  test('a signal that is none of the platform’s aborts, also beside a deadline', async () => {
    class Polyfill {
      aborted = false;
      reason: unknown;
      onabort = null;
      dispatchEvent = () => true;
      readonly listeners = new Set<(event: unknown) => void>();
      addEventListener(_: string, listener: (event: unknown) => void) {
        this.listeners.add(listener);
      }
      removeEventListener(_: string, listener: (event: unknown) => void) {
        this.listeners.delete(listener);
      }
      abort() {
        this.aborted = true;
        for (const listener of this.listeners) listener({ type: 'abort' });
      }
    }
    for (const within of [<T>(fn: () => T) => fn(), <T>(fn: () => T) => withDeadline(60_000, fn)]) {
      await telemetry.reset();
      const signal = new Polyfill();
      const asked = within(() => traceAxios(axios).get(hang(), { signal: signal }));
      setTimeout(() => signal.abort(), 30);
      await expect(asked).rejects.toSatisfy(axios.isCancel);
      expect(hops()[0]?.attributes['throughline.aborted']).toBe(true);
      expect(signal.listeners.size).toBe(0);
    }
  });

  test('a deadline of the chain', async () => {
    await withDeadline(30, () => expect(traceAxios(axios).get(hang())).rejects.toMatchObject({ name: 'TimeoutError' }));
    expect(statuses()).toEqual([[undefined, undefined, 'TimeoutError']]);
  });

  test('a limit of the chain rejects, and interceptors hear of it', async () => {
    const deep = propagation.setBaggage(ROOT_CONTEXT, parseBaggage('throughline.lineage=1.4.32.1.-.-.-')!);
    const client = traceAxios(axios.create(), { lineage: { mode: 'enforce', maxHops: 4 } });
    const heard = vi.fn<(error: unknown) => Promise<never>>((error) => Promise.reject(error));
    client.interceptors.response.use(undefined, heard);
    await expect(context.with(deep, () => client.get(server.origin))).rejects.toMatchObject({ reason: 'hops' });
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

test('a body that never ends, which axios waits for: the span ends at the headers', async () => {
  const controller = new AbortController();
  const open = traceAxios(axios)
    .get(`${server.origin}/stream`, { signal: controller.signal })
    .catch(() => 'aborted');
  await expect.poll(statuses).toEqual([[200, undefined, undefined]]);
  controller.abort();
  expect(await open).toBe('aborted');
  expect(hops()).toHaveLength(1);
});

test('a stream comes out as one', async () => {
  const { data } = await traceAxios(axios).get<NodeJS.ReadableStream>(server.origin, { responseType: 'stream' });
  let text = '';
  for await (const chunk of data) text += String(chunk);
  expect((JSON.parse(text) as Echo).url).toBe('/');
});

test('interceptors, defaults and transforms are those of the instance, which is itself not traced', async () => {
  const bare = axios.create({ headers: { 'x-default': 'a' } });
  const key = createContextKey('test');
  const order: unknown[] = [];
  bare.interceptors.request.use((config) => {
    order.push('request', context.active().getValue(key));
    config.headers['x-intercepted'] = 'b';
    return config;
  });
  const client = traceAxios(bare);
  client.interceptors.response.use((response) => {
    order.push('response', context.active().getValue(key));
    return response;
  });
  client.defaults.headers.common['x-later'] = 'c';
  const call = (own: AxiosInstance): Promise<AxiosResponse<Echo>> =>
    context.with(context.active().setValue(key, 1), () => own.get<Echo>(server.origin));
  const { data } = await call(client);
  expect(['x-default', 'x-intercepted', 'x-later'].map((name) => sent(data, name)[0])).toEqual(['a', 'b', 'c']);
  expect(order).toEqual(['request', 1, 'response', 1]);
  await telemetry.reset();
  await call(bare);
  expect(hops()).toEqual([]);
  expect(client.defaults).toBe(bare.defaults);
  expect(traceAxios(client)).toBe(client);
});

test('an object of the class, one of a subclass, and a frozen instance', async () => {
  class Client extends axios.Axios {
    plan(): Promise<AxiosResponse<string>> {
      return this.get<string>(`${server.origin}/plan`);
    }
  }
  const config = { ...axios.defaults, headers: {} } as never;
  expect((await traceAxios(new axios.Axios(config)).get(server.origin)).status).toBe(200);
  const client = traceAxios(new Client(config));
  expect(client).toBeInstanceOf(Client);
  expect((await client.plan()).status).toBe(200);
  expect((await traceAxios(Object.freeze(axios.create())).get(server.origin)).status).toBe(200);
  expect(hops()).toHaveLength(3);
});

test('a wrong option, or what is no axios, is said at once', () => {
  expect(() => traceAxios(axios, { firstPart: true } as never)).toThrow('firstPart');
  expect(() => traceAxios({} as never)).toThrow("traceAxios(axios), after `import axios from 'axios'`");
});
