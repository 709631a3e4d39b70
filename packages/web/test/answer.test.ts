import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { context, propagation, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { traceHandler } from '../src/index.ts';
import type { WebHandler } from '../src/index.ts';
import { onlySpan, serve, serveWeb, TRACE_ID, TRACEPARENT } from './serve.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
afterEach(() => telemetry.reset());

const encoder = new TextEncoder();
const ask = (init?: RequestInit): Request =>
  new Request('http://planner.internal/plan', { headers: { traceparent: TRACEPARENT, baggage: 'user=ada' }, ...init });

function activeTrace(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** A body whose chunks are made as they are asked for, each told to `seen`. */
function lazyBody(seen: unknown[], count = 3): ReadableStream<Uint8Array<ArrayBuffer>> {
  let made = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        seen.push(activeTrace());
        await sleep(1);
        seen.push(propagation.getActiveBaggage()?.getEntry('user')?.value);
        if (made++ < count) controller.enqueue(encoder.encode('chunk;'));
        else controller.close();
      },
      cancel: (reason) => void seen.push(['cancel', reason, activeTrace()]),
    },
    { highWaterMark: 0 },
  );
}

describe.each([
  ['that returns a promise', async (answer: () => Response) => answer()],
  ['that returns a Response', (answer: () => Response) => answer()],
] as const)('a handler %s', (_, by) => {
  const handling = (answer: () => Response): WebHandler => traceHandler(() => by(answer));

  it('has a body that is made in the context of the request, and a span that ends with it', async () => {
    const seen: unknown[] = [];
    const response = (await handling(() => new Response(lazyBody(seen)))(ask())) as Response;
    expect(telemetry.spans()).toEqual([]);
    expect(await response.text()).toBe('chunk;chunk;chunk;');
    expect(seen).toEqual([TRACE_ID, 'ada', TRACE_ID, 'ada', TRACE_ID, 'ada', TRACE_ID, 'ada']);
    expect(onlySpan(telemetry).attributes).toMatchObject({ 'http.response.status_code': 200 });
  });

  it('has a span that ends, aborted and no error, when the body is not wanted any more', async () => {
    const seen: unknown[] = [];
    const response = (await handling(() => new Response(lazyBody(seen)))(ask())) as Response;
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel('enough');
    expect(seen.at(-1)).toEqual(['cancel', 'enough', TRACE_ID]);
    expect(onlySpan(telemetry)).toMatchObject({
      status: { code: 0 },
      attributes: { 'throughline.aborted': true, 'http.response.status_code': 200 },
    });
  });

  it('has a body that fails by the same error, which the span has', async () => {
    const error = new RangeError('no more');
    const failing = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull() {
        await sleep(1);
        throw error;
      },
    });
    const response = (await handling(() => new Response(failing))(ask())) as Response;
    await expect(response.text()).rejects.toBe(error);
    expect(onlySpan(telemetry)).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'RangeError' } });
  });

  it.each([
    ['no body', () => new Response(null)],
    ['204', () => new Response(null, { status: 204 })],
    ['304', () => new Response(null, { status: 304, headers: { etag: '"1"' } })],
    ['a redirect', () => Response.redirect('http://planner.internal/', 303)],
    ['Response.error()', () => Response.error()],
  ])('answers with the same object where there is nothing to follow: %s', async (_what, make) => {
    const made = make();
    const options = { serverTiming: made.type === 'error' };
    const traced: WebHandler = traceHandler(() => by(() => made), options);
    expect(await traced(ask())).toBe(made);
    expect(telemetry.spans()).toHaveLength(1);
  });

  it('answers with the same object to HEAD, and where somebody else has read the body', async () => {
    const head = new Response('text');
    expect(await handling(() => head)(ask({ method: 'HEAD' }))).toBe(head);
    const used = new Response('text');
    await used.text();
    expect(await handling(() => used)(ask())).toBe(used);
    const locked = new Response('text');
    locked.body?.getReader();
    expect(await handling(() => locked)(ask())).toBe(locked);
    expect(telemetry.spans()).toHaveLength(3);
  });

  it('keeps status, text, headers and each cookie; Server-Timing of its own stays beside ours', async () => {
    const headers = new Headers({ 'server-timing': 'db;dur=1', 'x-own': '1' });
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    const made = new Response(lazyBody([]), { status: 418, statusText: 'Teapot', headers });
    const traced: WebHandler = traceHandler(() => by(() => made), { serverTiming: true });
    const response = (await traced(ask())) as Response;
    await response.text();
    expect(response).toMatchObject({ status: 418, statusText: 'Teapot' });
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('x-own')).toBe('1');
    expect(response.headers.get('server-timing')).toMatch(
      /^db;dur=1, traceparent;desc="00-[\da-f]{32}-[\da-f]{16}-01"$/,
    );
    expect(made.headers.get('server-timing')).toBe('db;dur=1');
  });

  it('tells a caller whose trace was restarted the new one, also where there is no body', async () => {
    const traced: WebHandler = traceHandler(() => by(() => new Response(null, { status: 204 })), {
      inbound: 'restart-with-link',
      answer: true,
    });
    const response = (await traced(ask())) as Response;
    const span = onlySpan(telemetry);
    expect(response.headers.get('traceresponse')).toContain(span.spanContext().traceId);
    expect(span.links).toHaveLength(1);
    expect(response.status).toBe(204);
  });

  it('hands on what was fetched, with its headers that cannot change and where it is from', async () => {
    const upstream = await serve((_req, res) => void res.setHeader('x-up', '1').end('from upstream'));
    try {
      const fetched = await fetch(upstream.url);
      const traced: WebHandler = traceHandler(() => by(() => fetched), { serverTiming: true });
      const response = (await traced(ask())) as Response;
      expect(response.url).toBe(fetched.url);
      expect(response.headers.get('x-up')).toBe('1');
      expect(response.headers.get('server-timing')).toMatch(/^traceparent/);
      expect(await response.text()).toBe('from upstream');
    } finally {
      await upstream.close();
    }
  });
});

it.each([
  ['text', () => new Response('text'), '4'],
  ['JSON', () => Response.json({ a: 1 }), '7'],
  ['bytes', () => new Response(new Uint8Array(3)), '3'],
  ['nothing', () => new Response(''), '0'],
  [
    'a length of its own',
    () => new Response('text', { headers: { 'content-type': 'a/b', 'content-length': '4' } }),
    '4',
  ],
])('a body that is there whole goes out with its length: %s', async (_, make, length) => {
  const { Request: NativeRequest, Response: NativeResponse } = globalThis;
  for (const overrides of [false, true]) {
    const bare = await serveWeb(async () => make(), overrides);
    const traced = await serveWeb(
      traceHandler(async () => make(), { serverTiming: true }),
      overrides,
    );
    try {
      expect(Response === NativeResponse).toBe(!overrides);
      const [expected, answer] = [await bare.ask('/'), await traced.ask('/')];
      expect(answer.headers['content-length']).toBe(length);
      expect(expected.headers['content-length']).toBe(length);
      expect(answer.headers['content-type']).toBe(expected.headers['content-type']);
      expect(answer.body).toBe(expected.body);
    } finally {
      await Promise.all([bare.close(), traced.close()]);
      Object.assign(globalThis, { Request: NativeRequest, Response: NativeResponse });
    }
  }
});

describe.each([
  ['that returns a promise', async (answer: () => Response) => answer()],
  ['that returns a Response', (answer: () => Response) => answer()],
] as const)('an answer that cannot be made anew comes out as it is, of a handler %s', (_, by) => {
  it.each([
    ['a status that `Response` does not take', () => new Response('odd', { status: 999 })],
    ['204 with a body', () => new Response('odd', { status: 204 })],
    ['304 with a body', () => new Response('odd', { status: 304 })],
  ])('over a socket, where a Response is made late: %s', async (_what, make) => {
    const { Request: NativeRequest, Response: NativeResponse } = globalThis;
    const bare = await serveWeb(() => by(make));
    const traced = await Promise.all(
      [false, true].map((serverTiming) => serveWeb(traceHandler(() => by(make), { serverTiming }))),
    );
    try {
      const { status, body } = await bare.ask('/');
      for (const { ask: askTraced } of traced) {
        await telemetry.reset();
        expect(await askTraced('/')).toMatchObject({ status, body });
        expect(onlySpan(telemetry).attributes['http.response.status_code']).toBe(status);
      }
    } finally {
      await Promise.all([bare, ...traced].map((one) => one.close()));
      Object.assign(globalThis, { Request: NativeRequest, Response: NativeResponse });
    }
  });

  it.each([
    ['a status out of range', { status: 999 }],
    ['a text that `Response` does not take', { status: 200, statusText: 'a\nb' }],
    ['204 with a body', { status: 204 }],
    ['headers of another make', { status: 200, headers: { append() {}, get: () => null } }],
    ['a body of another make', { status: 200, body: { locked: false } }],
  ])('of another realm, which is a fake here: %s', async (_what, parts) => {
    const fake = {
      statusText: '',
      headers: new Headers({ 'x-own': '1' }),
      body: new Response('text').body,
      bodyUsed: false,
      ...parts,
    } as unknown as Response;
    for (const serverTiming of [false, true]) {
      const answer = (await (traceHandler(() => by(() => fake), { serverTiming }) as WebHandler)(ask())) as Response;
      expect(answer.status).toBe(fake.status);
      if (answer.body !== null) expect(answer).toBe(fake);
      expect(fake.body?.locked).toBe(false);
    }
    expect(telemetry.spans()).toHaveLength(2);
  });

  it('with a body that somebody reads, also where there are headers to add', async () => {
    const locked = new Response('text');
    locked.body?.getReader();
    const traced: WebHandler = traceHandler(() => by(() => locked), { serverTiming: true });
    expect(await traced(ask())).toBe(locked);
    expect(telemetry.spans()).toHaveLength(1);
  });
});

it('a body that waits is asked for one chunk before it is read, and one that streams at once for four', async () => {
  const asked: Record<string, number> = { waiting: 0, ready: 0 };
  const body = (which: string, wait?: () => Promise<unknown>): ReadableStream<Uint8Array<ArrayBuffer>> =>
    new ReadableStream(
      {
        async pull(controller) {
          asked[which] = (asked[which] ?? 0) + 1;
          await wait?.();
          controller.enqueue(encoder.encode('chunk;'));
        },
      },
      { highWaterMark: 0 },
    );
  const bodies = [body('waiting', () => sleep(1)), body('ready')];
  for (const one of bodies) {
    const answer = (await (traceHandler(async () => new Response(one)) as WebHandler)(ask())) as Response;
    await sleep(20);
    await answer.body?.cancel();
  }
  expect(asked).toEqual({ waiting: 1, ready: 4 });
});

it('a body that is thrown away unread does not hold its span', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  await (traceHandler(async () => new Response(lazyBody([]))) as WebHandler)(ask());
  await expect
    .poll(() => {
      gc();
      return telemetry.spans().length;
    })
    .toBe(1);
});

it('without an OpenTelemetry SDK nothing changes, whether or not the body streams', async () => {
  await telemetry.shutdown();
  try {
    const traced: WebHandler = traceHandler(async (request: Request) => new Response(request.body ?? lazyBody([])));
    expect(await ((await traced(ask())) as Response).text()).toBe('chunk;chunk;chunk;');
    expect(await ((await traced(ask({ method: 'POST', body: 'echo' }))) as Response).text()).toBe('echo');
  } finally {
    telemetry = startTelemetry();
  }
});

describe('whoever asked goes away', () => {
  it('while a handler is at work: the span ends at once, and what is answered later changes nothing', async () => {
    const leaving = new AbortController();
    let answer: (response: Response) => void = () => {};
    const traced: WebHandler = traceHandler(() => new Promise<Response>((resolve) => (answer = resolve)));
    const answered = traced(ask({ signal: leaving.signal }));
    leaving.abort();
    expect(onlySpan(telemetry)).toMatchObject({ status: { code: 0 }, attributes: { 'throughline.aborted': true } });
    const late = new Response('late');
    answer(late);
    expect(await answered).toBe(late);
    expect(telemetry.spans()).toHaveLength(1);
  });

  it('and the handler fails by that: no error', async () => {
    const leaving = new AbortController();
    const traced: WebHandler = traceHandler(async ({ signal }: Request): Promise<Response> => {
      leaving.abort();
      signal.throwIfAborted();
      return new Response('never');
    });
    const error = await Promise.resolve(traced(ask({ signal: leaving.signal }))).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(onlySpan(telemetry).status.code).toBe(0);
  });
});

it('what is no Request, and no Response, passes as it is', async () => {
  const traced = traceHandler(((given: unknown) => given) as unknown as WebHandler) as unknown as (
    given: unknown,
  ) => unknown;
  expect(traced('text')).toBe('text');
  expect(telemetry.spans()).toEqual([]);
  const upgraded: WebHandler = traceHandler(() => undefined);
  expect(upgraded(ask())).toBeUndefined();
  expect(telemetry.spans()).toHaveLength(1);
});

it('the context above is not that of the request', async () => {
  await telemetry.reset();
  const above = context.active();
  await (traceHandler(async () => new Response(activeTrace())) as WebHandler)(ask());
  expect(context.active()).toBe(above);
});
