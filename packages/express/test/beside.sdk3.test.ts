import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { SPAN_ID, TRACE_ID, TRACEPARENT, versions } from './serve.ts';
import type { Report, Scenario } from './services/scenario.ts';

const shop = fileURLToPath(new URL('services/shop.ts', import.meta.url));
const HTTP = '@opentelemetry/instrumentation-http';
const OURS = '@throughline/express';

/** What the service said to each scenario: a process takes a second. */
const reports = new Map<string, Report>();

function run(scenario: Partial<Scenario> & Pick<Scenario, 'module' | 'beside'>): Report {
  const whole: Scenario = {
    options: {},
    sampled: true,
    path: '/users/42/posts/7',
    method: 'POST',
    body: '{"a":1}',
    headers: { traceparent: TRACEPARENT, baggage: 'user=ada', 'content-type': 'application/json' },
    ...scenario,
  };
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
  { name: 'no instrumentation', beside: [], server: OURS },
  { name: 'instrumentation-http', beside: ['http'], server: HTTP },
  { name: 'instrumentation-http and -express', beside: ['http', 'express'], server: HTTP },
];

describe.each(
  versions.map(({ name, major }) => ({ name, module: major === 4 ? ('express4' as const) : ('express' as const) })),
)('$name', ({ module }) => {
  describe.each(besides)('beside $name', ({ beside, server }) => {
    test('a request has one SERVER span, that continues the caller’s trace and is named by its route', () => {
      const { spans, seen, hops } = run({ module, beside, options: { agent: 'shop' } });
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
          'throughline.calls': 0,
        },
      });
      expect(spans.every(({ traceId }) => traceId === TRACE_ID)).toBe(true);
      expect(hops).toEqual({ 'http inbound continued': 1 });
      expect(seen['handler']).toMatchObject({ traceId: TRACE_ID, baggage: ['user=ada'] });
      const { finish, handler } = seen;
      expect(finish).toEqual(handler);
      expect(seen).not.toHaveProperty('removed');
    });

    test('what the handler does is below that span', () => {
      const { spans } = run({ module, beside });
      const parents = new Map(spans.map((span) => [span.spanId, span]));
      let at = spans.find(({ name }) => name === 'work');
      expect(at).toBeDefined();
      while (at?.parentId !== undefined && parents.has(at.parentId)) at = parents.get(at.parentId);
      expect(at).toMatchObject({ kind: SpanKind.SERVER, parentId: SPAN_ID });
    });

    test('baggage is what the options accept, whoever extracted it first', () => {
      const { seen } = run({ module, beside, options: { baggage: { accept: ['plan'] } } });
      expect(seen['handler']?.baggage).toEqual([]);
    });

    test('an error is on that span, and an abort, which is none', () => {
      const failed = run({ module, beside, path: '/users/42/posts/fail' }).spans.find(
        ({ kind }) => kind === SpanKind.SERVER,
      );
      expect(failed).toMatchObject({
        name: 'POST /users/:id/posts/:post',
        status: SpanStatusCode.ERROR,
        attributes: { 'error.type': '500', 'http.response.status_code': 500 },
      });
      const aborted = run({ module, beside, path: '/users/42/posts/abort' }).spans.find(
        ({ kind }) => kind === SpanKind.SERVER,
      );
      expect(aborted).toMatchObject({
        name: 'POST /users/:id/posts/:post',
        status: SpanStatusCode.UNSET,
        attributes: { 'throughline.aborted': true },
      });
      expect(aborted?.attributes).not.toHaveProperty('error.type');
    });

    test('a trace that is not sampled goes on, unsampled, and nothing is exported', () => {
      const { spans, seen, hops } = run({ module, beside, sampled: false });
      expect(spans).toEqual([]);
      expect(seen['handler']).toMatchObject({ traceId: TRACE_ID, flags: 0, baggage: ['user=ada'] });
      expect(hops).toEqual({ 'http inbound continued': 1 });
    });

    test('restart is a trace of its own, without the caller’s baggage', () => {
      const { spans, seen } = run({ module, beside, options: { inbound: 'restart-with-link' } });
      const own = spans.find(({ scope }) => scope === OURS);
      expect(own).toMatchObject({ kind: SpanKind.SERVER, name: 'POST /users/:id/posts/:post', links: [SPAN_ID] });
      expect(own?.parentId).toBeUndefined();
      expect(own?.traceId).not.toBe(TRACE_ID);
      expect(seen['handler']).toMatchObject({ traceId: own?.traceId, baggage: [] });
    });
  });

  test('a route that its router guards has its own name, on the span and for metrics', () => {
    for (const { beside, server } of besides.slice(1)) {
      const { spans, metadataRoute } = run({ module, beside, path: '/guarded/front' });
      expect(spans.find(({ scope }) => scope === server)?.name).toBe('POST /guarded/:page');
      expect(metadataRoute).toBe('/guarded/:page');
    }
  });

  test('what instrumentation-express knows of a route stays where ours would have to leave mounts out', () => {
    const path = '/lazy/1/deep/2/posts/3';
    const routes = besides.map(
      ({ beside, server }) =>
        run({ module, beside, path }).spans.find(({ scope }) => scope === server)?.attributes['http.route'],
    );
    expect(routes).toEqual(['/posts/:post', '/posts/:post', '/lazy/:x/deep/:y/posts/:post']);
  });

  test('instrumentation-http learns the route, for its metrics, also of a request that is not sampled', () => {
    expect(run({ module, beside: ['http'] }).metadataRoute).toBe('/users/:id/posts/:post');
    expect(run({ module, beside: ['http'], sampled: false }).metadataRoute).toBe('/users/:id/posts/:post');
  });
});
