import http from 'node:http';
import { text } from 'node:stream/consumers';
import { context, createContextKey, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { withDeadline } from '@throughline/core';
import { parseBaggage } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import got from 'got';
import type { Got, RequestError, Response } from 'got';
import got14 from 'got14';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { traceGot } from '../src/node.ts';
import { closedPort, sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';
import { inChain } from './responses.ts';

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
const hops = () => telemetry.spans().filter(({ kind }) => kind === 2);
const statuses = () =>
  hops().map(({ attributes }) => [
    attributes['http.response.status_code'],
    attributes['http.request.resend_count'],
    attributes['error.type'],
  ]);
const ids = () => hops().map((span) => span.spanContext().spanId);
const expectSiblings = (): void => {
  const work = telemetry.find('work').spanContext().spanId;
  expect(hops().map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(hops().map(() => work));
};
/** The requests that the server saw since, without one that was given up and may arrive late. */
const since = (before: number): Echo[] => server.seen.slice(before).filter(({ url }) => url !== '/hang');
/** The spans that they name, by one header in each. */
const seenSince = (before: number): string[] =>
  since(before).map((echo) => {
    const traceparents = sent(echo, 'traceparent');
    expect(traceparents).toHaveLength(1);
    return traceparents[0]!.slice(36, 52);
  });
const soon = {
  limit: 2,
  calculateDelay: ({ computedValue }: { computedValue: number }) => (computedValue > 0 ? 1 : 0),
};

describe.each([
  ['got', got],
  ['got 14', got14 as unknown as Got],
])('%s', (_, library) => {
  const client = traceGot(library);

  test('every method is one span and one header', async () => {
    const url = `${server.origin}/plan?token=1&b=2`;
    const before = server.seen.length;
    const calls: (() => Promise<unknown>)[] = [
      () => client(url),
      () => client.get(new URL(url)),
      () => client.post(url, { json: { question: 1 }, headers: { mine: 'stays' } }).json(),
      () => client.put(url, { body: 'text' }).text(),
      () => client.patch(url).buffer(),
      () => client.delete(url),
      () => client.head(url),
      () => text(client.stream(url)),
      () => client.extend({ headers: { mine: 'stays' } })(url),
      () => library.extend({ prefixUrl: server.origin }, client)('plan'),
    ];
    for (const call of calls) await inWork(call);
    expect(seenSince(before)).toEqual(ids());
    expect(hops()[0]).toMatchObject({
      name: 'GET',
      attributes: {
        'http.response.status_code': 200,
        'server.port': server.port,
        'url.full': `${server.origin}/plan?token=REDACTED&b=2`,
      },
    });
    expect(server.seen[before + 2]?.body).toBe('{"question":1}');
  });

  test('retries are siblings, each with its own header', async () => {
    const before = server.seen.length;
    await inWork(() =>
      expect(client(`${server.origin}/status/503`, { retry: soon })).rejects.toMatchObject({
        response: { statusCode: 503 },
      }),
    );
    expect(statuses()).toEqual([
      [503, undefined, '503'],
      [503, 1, '503'],
      [503, 2, '503'],
    ]);
    expectSiblings();
    expect(seenSince(before)).toEqual(ids());
  });

  test('a retry that a hook asks for, and one after an error', async () => {
    const again = client.extend({
      hooks: {
        afterResponse: [
          (response, retry) => (response.statusCode === 503 ? retry({ url: `${server.origin}/plan` }) : response),
        ],
      },
    });
    await inWork(() => again(`${server.origin}/status/503`, { retry: { limit: 0 }, throwHttpErrors: false }));
    expect(statuses()).toEqual([
      [503, undefined, '503'],
      [200, 1, undefined],
    ]);
    await telemetry.reset();
    await inWork(() => expect(client(`${server.origin}/drop`, { retry: soon })).rejects.toThrow());
    expect(statuses()).toEqual([
      [undefined, undefined, 'ECONNRESET'],
      [undefined, 1, 'ECONNRESET'],
      [undefined, 2, 'ECONNRESET'],
    ]);
    expectSiblings();
  });

  test('redirects are siblings, and take no baggage to who may not have it', async () => {
    const before = server.seen.length;
    const baggage = propagation.createBaggage({ tenant: { value: 'a' } });
    const to = encodeURIComponent(`http://localhost:${server.port}/landed`);
    const strict = traceGot(library, { baggage: { send: ({ host }) => host === '127.0.0.1' } });
    await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      inWork(() => strict(`${server.origin}/redirect?to=${to}`)),
    );
    expect(statuses()).toEqual([
      [302, undefined, undefined],
      [200, 1, undefined],
    ]);
    expectSiblings();
    expect(seenSince(before)).toEqual(ids());
    expect(since(before).map((echo) => sent(echo, 'baggage'))).toEqual([['tenant=a'], []]);
  });

  test('calls at once do not count each other, nor does one that a hook makes', async () => {
    const nested = client.extend({
      hooks: { beforeRequest: [async () => void (await client(`${server.origin}/token`))] },
    });
    await inWork(() => Promise.all([1, 2, 3].map(() => nested(server.origin))));
    expect(statuses()).toEqual(Array.from({ length: 6 }, () => [200, undefined, undefined]));
    expectSiblings();
  });

  test('pages are calls of their own', async () => {
    const items = await client.paginate.all<number>(server.origin, {
      pagination: {
        transform: () => [1],
        paginate: ({ allItems }) => (allItems.length >= 3 ? false : {}),
        stackAllItems: true,
      },
    });
    expect(items).toEqual([1, 1, 1]);
    expect(statuses()).toEqual(Array.from({ length: 3 }, () => [200, undefined, undefined]));
  });

  test('a request function of your own, one that leaves it to got, and an answer without a request', async () => {
    const own = vi.fn<typeof http.request>(http.request);
    await client(server.origin, { request: own });
    expect(own).toHaveBeenCalledTimes(1);
    await client(server.origin, { request: () => undefined });
    await client(server.origin, { request: () => Promise.resolve(undefined) });
    expect(statuses()).toEqual(Array.from({ length: 3 }, () => [200, undefined, undefined]));
    expect(sent(server.seen.at(-1)!, 'traceparent')).toEqual([expect.stringContaining(ids().at(-1)!)]);
  });

  test('a cache answers without a span, and asks with one', async () => {
    const cache = new Map();
    const cached = http.createServer((_request, response) => {
      response.setHeader('cache-control', 'max-age=60').end('cached');
    });
    await new Promise<void>((resolve) => cached.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(cached.address() as { port: number }).port}`;
    await client(url, { cache: cache as never });
    const { isFromCache } = await client(url, { cache: cache as never });
    expect(isFromCache).toBe(true);
    expect(statuses()).toEqual([[200, undefined, undefined]]);
    cached.closeAllConnections();
    cached.close();
  });

  test("hooks and listeners run in the caller's context", async () => {
    const key = createContextKey('test');
    const seen: unknown[] = [];
    const note = (): void => void seen.push(context.active().getValue(key));
    const noting = client.extend({ hooks: { beforeRequest: [note], afterResponse: [(r: Response) => (note(), r)] } });
    await context.with(context.active().setValue(key, 1), () =>
      noting(`${server.origin}/redirect`).on('request', note).on('response', note),
    );
    expect(new Set(seen)).toEqual(new Set([1]));
  });

  test('HTTP/2: the chain goes on without a span', async () => {
    // The hook is asked as got asks it: to see the wire would take a certificate.
    const { hooks } = client.defaults.options as unknown as {
      hooks: { beforeRequest: ((asked: object) => unknown)[] };
    };
    const headers: Record<string, unknown> = { mine: 'stays', TraceParent: 'stale' };
    const asked = { http2: true, url: new URL('https://planner.internal/'), headers, request: undefined };
    const work = await inWork(async () => {
      await hooks.beforeRequest.at(-1)?.(asked);
      return trace.getActiveSpan()?.spanContext().spanId;
    });
    expect(headers).toMatchObject({ mine: 'stays', traceparent: expect.stringContaining(String(work)) as string });
    expect(headers).not.toHaveProperty('TraceParent');
    expect(asked.request).toBeUndefined();
    expect(hops()).toEqual([]);
  });

  describe('what goes wrong', () => {
    const hang = () => `${server.origin}/hang`;
    const none = { retry: { limit: 0 } };
    const cases: Record<string, [(client: Got) => Promise<unknown>, string | undefined]> = {
      'the connection is dropped': [(one) => one(`${server.origin}/drop`, none), 'ECONNRESET'],
      'the name does not exist': [(one) => one('http://no-such-host.invalid', none), 'ENOTFOUND'],
      'a timeout': [(one) => one(hang(), { ...none, timeout: { request: 50 } }), 'TimeoutError'],
      'it is aborted': [
        (one) => {
          const controller = new AbortController();
          setTimeout(() => controller.abort(), 50);
          return one(hang(), { ...none, signal: controller.signal });
        },
        undefined,
      ],
    };
    test.each(Object.entries(cases))('%s: the same traced as bare', async (__, [call, type]) => {
      const failureOf = (one: Got): Promise<unknown> =>
        call(one).then(
          () => 'nothing',
          (error: unknown) => {
            const { name, message, code, constructor } = error as RequestError;
            return { name, message, code, constructor };
          },
        );
      const bare = await failureOf(library);
      expect(bare).not.toBe('nothing');
      expect(await failureOf(client)).toEqual(bare);
      await expect.poll(() => hops().map(({ attributes }) => attributes['error.type'])).toEqual([type]);
    });

    test('nobody listens', async () => {
      const port = await closedPort();
      await expect(client(`http://127.0.0.1:${port}`, none)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      expect(statuses()).toEqual([[undefined, undefined, 'ECONNREFUSED']]);
    });

    test('a deadline of the chain', async () => {
      await withDeadline(50, () => expect(client(hang(), none)).rejects.toThrow(/timeout/));
      expect(statuses()).toEqual([[undefined, undefined, 'TimeoutError']]);
    });

    test('a limit of the chain, at the call, at a redirect, and of a stream', async () => {
      const deep = propagation.setBaggage(ROOT_CONTEXT, parseBaggage('throughline.lineage=1.4.32.1.-.-.-')!);
      const limited = traceGot(library, { lineage: { mode: 'enforce', maxHops: 4 } });
      const refusal = { name: 'RequestError', code: 'ERR_THROUGHLINE_REFUSED' };
      await expect(context.with(deep, () => limited(server.origin))).rejects.toMatchObject(refusal);
      await expect(context.with(deep, () => text(limited.stream(server.origin)))).rejects.toMatchObject(refusal);
      expect(statuses()).toEqual(Array.from({ length: 2 }, () => [undefined, undefined, 'throughline.hops']));
      const options = { lineage: { mode: 'enforce', maxCalls: 1 } } as const;
      const before = server.seen.length;
      await inChain(options, () =>
        expect(traceGot(library, options)(`${server.origin}/redirect`)).rejects.toMatchObject(refusal),
      );
      expect(since(before).map(({ url }) => url)).toEqual(['/redirect']);
    });
  });

  test('the span ends at the headers of a stream that never ends', async () => {
    const stream = client.stream(`${server.origin}/stream`);
    stream.on('error', () => {}).resume();
    await expect.poll(statuses).toEqual([[200, undefined, undefined]]);
    stream.destroy();
  });

  test('what is handed in is not traced, keeps what it is, and is wrapped once', async () => {
    await library(server.origin);
    expect(hops()).toEqual([]);
    expect(traceGot(client)).toBe(client);
    const mutable = library.extend({ mutableDefaults: true });
    expect(traceGot(mutable).defaults.mutableDefaults).toBe(true);
    await traceGot(client.extend({ headers: { mine: 'stays' } }))(server.origin);
    expect(hops()).toHaveLength(1);
  });
});

test('a wrong option, or what is no got, is said at once', () => {
  expect(() => traceGot(got, { firstPart: true } as never)).toThrow('firstPart');
  expect(() => traceGot({} as never)).toThrow("traceGot(got), after `import got from 'got'`");
});
