import { context, propagation, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { injectHeaders } from '../src/index.ts';
import { deepFreeze, sent, startEchoServer } from './echo-server.ts';

const LINEAGE = 'throughline.lineage=1.1.32.1.-.-.-';
const STALE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let telemetry: Telemetry;

beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

function inWork<T>(fn: (traceparent: RegExp) => T): T {
  return trace.getTracer('test').startActiveSpan('work', (span) => {
    const { traceId, spanId } = span.spanContext();
    const baggage = propagation.createBaggage({ 'user.id': { value: '42' } });
    try {
      return context.with(propagation.setBaggage(context.active(), baggage), () =>
        fn(new RegExp(`^00-${traceId}-${spanId}-0[13]$`)),
      );
    } finally {
      span.end();
    }
  });
}

test('the active span travels with a client that is not wrapped, and no span is made', async () => {
  const server = await startEchoServer();
  await inWork(async (traceparent) => {
    const headers = injectHeaders({ accept: 'text/plain' }, server.origin);
    await new Promise((resolve) =>
      httpRequest(server.origin, { headers }, (response) => response.resume().on('end', resolve)).end(),
    );
    const [echo] = server.seen;
    expect(sent(echo!, 'traceparent')).toEqual([expect.stringMatching(traceparent)]);
    expect(sent(echo!, 'baggage')).toEqual(['user.id=42']);
  });
  expect(telemetry.spans().map(({ name }) => name)).toEqual(['work']);
  await server.close();
});

test('the form that goes in comes out, as a copy', () => {
  const options = { lineage: false } as const;
  inWork((traceparent) => {
    const record: Record<string, number | string> = injectHeaders(
      deepFreeze({ accept: 1, Traceparent: 2 }),
      undefined,
      options,
    );
    expect(record).toEqual({ accept: 1, traceparent: expect.stringMatching(traceparent) as string });
    const pairs: [string, string][] = injectHeaders(
      deepFreeze([
        ['Accept', 'a'],
        ['TraceParent', STALE],
      ] as [string, string][]),
      undefined,
      options,
    );
    expect(pairs).toEqual([
      ['Accept', 'a'],
      ['traceparent', expect.stringMatching(traceparent)],
    ]);
    const given = new Headers({ accept: 'a', traceparent: STALE });
    const headers: Headers = injectHeaders(given, undefined, options);
    expect(Object.fromEntries(headers)).toEqual({
      accept: 'a',
      traceparent: expect.stringMatching(traceparent) as string,
    });
    expect(given.get('traceparent')).toBe(STALE);
    const nothing: Record<string, string> = injectHeaders(undefined, undefined, options);
    expect(nothing).toEqual({ traceparent: expect.stringMatching(traceparent) as string });
  });
});

test.each([
  ['http://planner/', true],
  [new URL('http://127.0.0.1:8080/'), true],
  ['planner', true],
  ['localhost:3000', true],
  ['https://api.example.com/v1', false],
  ['api.example.com', false],
  [undefined, false],
  ['http://[broken', false],
  ['/plan', false],
  ['//api.example.com/plan', false],
  ['v1/plan?at=http://planner/', false],
  ['plan?at=1', false],
])('the user’s baggage goes to %s: %s', (target, goes) => {
  inWork((traceparent) => {
    const headers = injectHeaders(undefined, target);
    expect(headers['traceparent']).toMatch(traceparent);
    expect(headers['baggage']).toBe(goes ? `${LINEAGE},user.id=42` : LINEAGE);
  });
});

test('options count: `firstParty`, `outbound`, `existing`', () => {
  inWork(() => {
    expect(injectHeaders({}, 'api.example.com', { firstParty: ['*.example.com'] })).toHaveProperty(
      'baggage',
      `${LINEAGE},user.id=42`,
    );
    expect(injectHeaders({ traceparent: STALE, accept: 'a' }, undefined, { outbound: 'suppress' })).toEqual({
      accept: 'a',
    });
    expect(injectHeaders({ traceparent: STALE }, undefined, { existing: 'keep' })).toEqual({ traceparent: STALE });
  });
});

test('with no active span the headers stay as they are', () => {
  expect(injectHeaders({ accept: 'a' })).toEqual({ accept: 'a' });
});
