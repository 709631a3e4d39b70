import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { SPAN_ID, TRACE_ID, TRACEPARENT } from './serve.ts';
import type { Report, Scenario } from './services/shop.ts';

const shop = fileURLToPath(new URL('services/shop.ts', import.meta.url));
const HTTP = '@opentelemetry/instrumentation-http';
const OURS = '@throughline/web';

function run(scenario: Partial<Scenario> & Pick<Scenario, 'by' | 'beside'>): Report {
  const headers = { traceparent: TRACEPARENT, baggage: 'user=ada' };
  const told = JSON.stringify({ options: {}, path: '/users/42', headers, ...scenario } satisfies Scenario);
  const { stdout, stderr, status } = spawnSync(process.execPath, [shop, told], { encoding: 'utf8', timeout: 80_000 });
  if (status !== 0) throw new Error(`the service ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report;
}

describe.each(['hono', 'handler', 'both'] as const)('traced by %s', (by) => {
  describe.each([
    [false, OURS],
    [true, HTTP],
  ])('beside instrumentation-http: %s', (beside, scope) => {
    it('a request has one SERVER span, that continues the caller’s trace and is named by its route', () => {
      const { spans, seen, metadataRoute } = run({ by, beside, options: { agent: 'shop' } });
      expect(spans).toMatchObject([
        {
          scope,
          name: 'GET /users/:id',
          kind: SpanKind.SERVER,
          traceId: TRACE_ID,
          parentId: SPAN_ID,
          attributes: {
            'http.route': '/users/:id',
            'http.response.status_code': 200,
            'throughline.agent.name': 'shop',
            'throughline.calls': 0,
          },
        },
      ]);
      expect(seen).toEqual({ traceId: TRACE_ID, baggage: ['user=ada'] });
      expect(metadataRoute).toBe(beside ? '/users/:id' : undefined);
    });

    it('a body that streams, and an error, are told to that span', () => {
      const streamed = run({ by, beside, path: '/users/stream' }).spans;
      expect(streamed).toMatchObject([{ scope, name: 'GET /users/:id', attributes: { 'http.route': '/users/:id' } }]);
      const failed = run({ by, beside, path: '/users/fail' }).spans;
      expect(failed).toMatchObject([
        {
          scope,
          status: SpanStatusCode.ERROR,
          attributes: {
            // instrumentation-http has the last word on its own span.
            'error.type': beside || by === 'handler' ? '500' : 'RangeError',
            'http.response.status_code': 500,
          },
        },
      ]);
    });

    it('restart is a trace of its own, without the caller’s baggage', () => {
      const { spans, seen } = run({ by, beside, options: { inbound: 'restart-with-link' } });
      const own = spans.find((span) => span.scope === OURS);
      expect(own).toMatchObject({ kind: SpanKind.SERVER, name: 'GET /users/:id', links: [SPAN_ID] });
      expect(own?.traceId).not.toBe(TRACE_ID);
      expect(seen).toEqual({ traceId: own?.traceId, baggage: [] });
    });
  });
});
