import { context, propagation, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { injectHeaders, traceFetch } from '../src/index.ts';
import type { FetchOptions } from '../src/index.ts';
import { traceInterceptor } from '../src/undici.ts';
import { deepFreeze, sent, startEchoServer } from './echo-server.ts';
import type { Echo, EchoServer } from './echo-server.ts';

const STALE_TRACE = '0af7651916cd43dd8448eb211c80319c';
const STALE = `00-${STALE_TRACE}-b7ad6b7169203331-01`;

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

async function echo(options?: FetchOptions, headers?: HeadersInit): Promise<Echo> {
  const response = await traceFetch(undefined, options)(server.origin, deepFreeze({ headers: headers ?? {} }));
  return (await response.json()) as Echo;
}

const inSpan = <T>(work: () => Promise<T>): Promise<T> =>
  trace.getTracer('test').startActiveSpan('work', async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });

const withBaggage = <T>(entries: Record<string, string>, work: () => Promise<T>): Promise<T> => {
  const baggage = propagation.createBaggage(
    Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, { value }])),
  );
  return context.with(propagation.setBaggage(context.active(), baggage), work);
};

describe('a traceparent that the caller put there', () => {
  test('is replaced while a span is active, with the tracestate and baggage that came with it', async () => {
    const seen = await inSpan(() => echo({}, { traceparent: STALE, tracestate: 'old=1', baggage: 'old=1' }));
    const { traceId, spanId } = telemetry.find('GET').spanContext();
    expect(traceId).not.toBe(STALE_TRACE);
    expect(sent(seen, 'traceparent').map((value) => value.slice(3, 52))).toEqual([`${traceId}-${spanId}`]);
    expect(sent(seen, 'tracestate')).toEqual([]);
    expect(sent(seen, 'baggage')).toEqual([]);
  });

  test('is the parent while none is: a relay stays in the chain', async () => {
    const seen = await echo({}, { traceparent: STALE, tracestate: 'vendor=1' });
    const span = telemetry.find('GET');
    expect(span.parentSpanContext).toMatchObject({ traceId: STALE_TRACE, spanId: 'b7ad6b7169203331' });
    expect(sent(seen, 'traceparent')).toEqual([`00-${STALE_TRACE}-${span.spanContext().spanId}-01`]);
    expect(sent(seen, 'tracestate')).toEqual(['vendor=1']);
  });

  test.each<[string, HeadersInit]>([
    ['a record', { Traceparent: STALE, TRACESTATE: 'old=1' }],
    ['a record with two letter cases', { Traceparent: STALE, traceparent: STALE, TraceState: 'old=1' }],
    [
      'pairs',
      [
        ['TraceParent', STALE],
        ['traceparent', STALE],
        ['TraceState', 'old=1'],
      ],
    ],
    ['Headers', new Headers({ TRACEPARENT: STALE, TraceState: 'old=1' })],
  ])('leaves no second one behind, whatever its letter case: %s', async (_, headers) => {
    const seen = await inSpan(() => echo({}, headers));
    const values = sent(seen, 'traceparent');
    expect(values).toHaveLength(1);
    expect(values[0]).toContain(telemetry.find('GET').spanContext().spanId);
    expect(sent(seen, 'tracestate')).toEqual([]);
  });

  test.each<[string, HeadersInit]>([
    ['a record', { Traceparent: STALE, tracestate: 'old=1' }],
    [
      'pairs',
      [
        ['Traceparent', STALE],
        ['tracestate', 'old=1'],
      ],
    ],
    ['Headers', new Headers({ traceparent: STALE, tracestate: 'old=1' })],
  ])("stays under `existing: 'keep'`: %s", async (_, headers) => {
    const seen = await inSpan(() => echo({ existing: 'keep' }, headers));
    expect(sent(seen, 'traceparent')).toEqual([STALE]);
    expect(sent(seen, 'tracestate')).toEqual(['old=1']);
  });

  test.each<[string, [string, string][]]>([
    [
      'is nonsense',
      [
        ['traceparent', 'nonsense'],
        ['tracestate', 'old=1'],
      ],
    ],
    [
      'stands there twice',
      [
        ['traceparent', STALE],
        ['traceparent', STALE.replace('b7', 'b8')],
      ],
    ],
  ])("is replaced under `existing: 'keep'` when it %s", async (_, headers) => {
    const seen = await inSpan(() => echo({ existing: 'keep' }, headers));
    expect(sent(seen, 'traceparent')).toEqual([expect.stringContaining(telemetry.find('GET').spanContext().spanId)]);
    expect(sent(seen, 'tracestate')).toEqual([]);
  });
});

describe('whom it goes to', () => {
  test('a third party gets trace context and none of the baggage, and the span says how much stayed', async () => {
    const seen = await withBaggage({ 'user.id': '42', plan: 'free' }, () => echo({ firstParty: false }));
    expect(sent(seen, 'traceparent')).toHaveLength(1);
    expect(sent(seen, 'baggage')).toEqual([]);
    expect(telemetry.find('GET').attributes['throughline.baggage.withheld']).toBe(2);
  });

  test('loopback is ours: the baggage goes along', async () => {
    const seen = await withBaggage({ 'user.id': '42' }, () => echo());
    expect(sent(seen, 'baggage')).toEqual(['user.id=42']);
    expect(telemetry.find('GET').attributes).not.toHaveProperty('throughline.baggage.withheld');
  });

  test('a policy sees the host and the path, without port and query', async () => {
    const targets: unknown[] = [];
    const decide = traceFetch(undefined, {
      outbound: (target) => {
        targets.push(target);
        return 'inject';
      },
    });
    await decide(`${server.origin}/plan?step=1`);
    expect(targets).toEqual([{ transport: 'http', channel: 'host', host: '127.0.0.1', name: '/plan' }]);
  });

  test('an address of IPv6 has no brackets, whatever makes the call', async () => {
    const hosts: unknown[] = [];
    const options: FetchOptions = {
      outbound: ({ host }) => {
        hosts.push(host);
        return 'inject';
      },
    };
    const url = 'http://[::1]:8080/plan';
    await traceFetch(async (_url: string) => new Response(), options)(url);
    const dispatch = traceInterceptor(options)((_options: object, _handler: object) => true);
    dispatch({ origin: 'http://[::1]:8080', path: '/plan' }, {});
    injectHeaders({}, url, options);
    injectHeaders({}, '[::1]:8080', options);
    expect(hosts).toEqual(['::1', '::1', '::1', '::1']);
  });

  test.each<[string, HeadersInit]>([
    ['a record', { Traceparent: STALE, tracestate: 'old=1', baggage: 'secret=1', accept: 'text/plain' }],
    [
      'pairs',
      [
        ['Traceparent', STALE],
        ['tracestate', 'old=1'],
        ['Baggage', 'secret=1'],
        ['accept', 'text/plain'],
      ],
    ],
    ['Headers', new Headers({ traceparent: STALE, tracestate: 'old=1', baggage: 'secret=1', accept: 'text/plain' })],
  ])("`outbound: 'suppress'` makes the span and sends no field, also none of the caller's: %s", async (_, headers) => {
    const seen = await inSpan(() => echo({ outbound: 'suppress' }, headers));
    expect(seen.rawHeaders.join('\n')).not.toMatch(/traceparent|tracestate|baggage|secret/i);
    expect(sent(seen, 'accept')).toEqual(['text/plain']);
    expect(telemetry.find('GET').attributes['http.response.status_code']).toBe(200);
    expect(await telemetry.hops()).toEqual({ 'http outbound suppressed': 1 });
  });
});

describe('without an SDK', () => {
  test('nothing is made up, and what the caller put there stays as it is', async () => {
    await telemetry.shutdown();
    try {
      const seen = await echo({}, { Traceparent: STALE, accept: 'text/plain' });
      expect(sent(seen, 'traceparent')).toEqual([STALE]);
      expect(sent(seen, 'accept')).toEqual(['text/plain']);
      expect(sent(await echo(), 'traceparent')).toEqual([]);
    } finally {
      telemetry = startTelemetry();
    }
  });
});
