import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { SPAN_ID, TRACE_ID } from './serve.ts';
import type { Report, Scenario } from './services/scenario.ts';

const shop = fileURLToPath(new URL('services/shop.ts', import.meta.url));
const HTTP = '@opentelemetry/instrumentation-http';
const OTEL = '@fastify/otel';
const OURS = '@throughline/fastify';

/** What the service said to each scenario: a process takes a second. */
const reports = new Map<string, Report>();

function run(scenario: Partial<Scenario> & Pick<Scenario, 'beside'>): Report {
  const whole: Scenario = { options: {}, sampled: true, path: '/users/42/posts/7', ...scenario };
  const told = JSON.stringify(whole);
  let report = reports.get(told);
  if (report === undefined) {
    const { stdout, stderr, status } = spawnSync(process.execPath, [shop, told], { encoding: 'utf8', timeout: 80_000 });
    if (status !== 0) throw new Error(`the service ended with ${status}: ${stderr}`);
    report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report;
    reports.set(told, report);
  }
  return report;
}

const besides: readonly { name: string; beside: Scenario['beside']; server: string }[] = [
  { name: 'nothing', beside: [], server: OURS },
  { name: 'instrumentation-http', beside: ['http'], server: HTTP },
  { name: '@fastify/otel', beside: ['otel after'], server: OURS },
  { name: 'instrumentation-http and @fastify/otel', beside: ['http', 'otel after'], server: HTTP },
  {
    name: '@fastify/otel, registered before, without spans of hooks and handlers',
    beside: ['otel bare'],
    server: OTEL,
  },
];

describe.each(besides)('beside $name', ({ beside, server }) => {
  test('a request has one SERVER span, that continues the caller’s trace and is named by its route', () => {
    const { spans, seen, hops, told } = run({ beside, options: { agent: 'shop' } });
    const servers = spans.filter(({ kind }) => kind === SpanKind.SERVER);
    expect(servers).toHaveLength(1);
    expect(servers[0]).toMatchObject({
      scope: server,
      name: 'POST /users/:id/posts/:post',
      traceId: TRACE_ID,
      parentId: SPAN_ID,
      status: SpanStatusCode.UNSET,
      attributes: {
        'http.route': '/users/:id/posts/:post',
        'http.response.status_code': 200,
        'throughline.agent.name': 'shop',
      },
    });
    expect(spans.every(({ traceId }) => traceId === TRACE_ID)).toBe(true);
    expect(hops).toEqual({ 'http inbound continued': 1 });
    for (const stage of ['preHandler', 'handler', 'onResponse'])
      expect(seen[stage]).toMatchObject({ traceId: TRACE_ID, baggage: ['user=ada'], isHop: true });
    expect(told).toEqual([]);
  });

  test('what the handler does is below that span', () => {
    const { spans } = run({ beside, options: { agent: 'shop' } });
    const parents = new Map(spans.map((span) => [span.spanId, span]));
    let at = spans.find(({ name }) => name === 'work');
    expect(at).toBeDefined();
    while (at?.parentId !== undefined && parents.has(at.parentId)) at = parents.get(at.parentId);
    expect(at).toMatchObject({ kind: SpanKind.SERVER, parentId: SPAN_ID });
  });

  test('baggage is what the options accept, whoever extracted it first', () => {
    expect(run({ beside, options: { baggage: { accept: ['plan'] } } }).seen['handler']?.baggage).toEqual([]);
  });

  test('an error is on that span', () => {
    const { spans } = run({ beside, path: '/users/42/posts/fail' });
    expect(spans.find(({ kind }) => kind === SpanKind.SERVER)).toMatchObject({
      name: 'POST /users/:id/posts/:post',
      status: SpanStatusCode.ERROR,
      // instrumentation-http writes its own over ours.
      attributes: { 'error.type': server === HTTP ? '500' : 'RangeError', 'http.response.status_code': 500 },
    });
  });

  test('a trace that is not sampled goes on, unsampled, and nothing is exported', () => {
    const { spans, seen, hops } = run({ beside, sampled: false });
    expect(spans).toEqual([]);
    expect(seen['handler']).toMatchObject({ traceId: TRACE_ID, flags: 0, baggage: ['user=ada'] });
    expect(hops).toEqual({ 'http inbound continued': 1 });
  });

  test('restart is a trace of its own, without the caller’s baggage', () => {
    const { spans, seen } = run({ beside, options: { inbound: 'restart-with-link' } });
    const own = spans.find(({ scope }) => scope === OURS);
    expect(own).toMatchObject({ kind: SpanKind.SERVER, name: 'POST /users/:id/posts/:post', links: [SPAN_ID] });
    expect(own?.parentId).toBeUndefined();
    expect(own?.traceId).not.toBe(TRACE_ID);
    for (const stage of ['preHandler', 'handler', 'onResponse'])
      expect(seen[stage]).toMatchObject({ traceId: own?.traceId, baggage: [] });
  });
});

test.each(besides.slice(0, 4))('an abort is no error on that span, beside $name', ({ beside }) => {
  const { spans } = run({ beside, path: '/users/42/posts/abort' });
  const server = spans.find(({ kind }) => kind === SpanKind.SERVER);
  expect(server).toMatchObject({
    name: 'POST /users/:id/posts/:post',
    status: SpanStatusCode.UNSET,
    attributes: { 'throughline.aborted': true },
  });
  expect(server?.attributes).not.toHaveProperty('error.type');
});

test('instrumentation-http learns the route, for its metrics, also of a request that is not sampled', () => {
  expect(run({ beside: ['http'], options: { agent: 'shop' } }).metadataRoute).toBe('/users/:id/posts/:post');
  expect(run({ beside: ['http'], sampled: false }).metadataRoute).toBe('/users/:id/posts/:post');
});

test('@fastify/otel registered before, with its spans of handlers: still one SERVER span in the caller’s trace, and it is told', () => {
  const { spans, told } = run({ beside: ['otel before'] });
  const servers = spans.filter(({ kind }) => kind === SpanKind.SERVER);
  expect(servers).toHaveLength(1);
  expect(servers[0]).toMatchObject({ scope: OTEL, name: 'POST /users/:id/posts/:post', parentId: SPAN_ID });
  expect(told).toEqual([expect.stringContaining('Register `traceContext` first')]);
});
