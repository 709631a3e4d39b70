import { readFileSync } from 'node:fs';
import { startTelemetry } from '@throughline/test-telemetry';
import { expect, test } from 'vitest';
import { serveWeb, SPAN_ID, TRACEPARENT } from './serve.ts';
import { traceContext } from '../src/hono/index.ts';
import { traceHandler } from '../src/index.ts';
// #region readme
import { Hono } from 'hono';

const app = new Hono();
app.use(traceContext({ agent: 'planner', serverTiming: true }));
app.get('/plans/:id', (c) => c.json({ id: c.req.param('id') }));

export const POST = traceHandler(async (request: Request) => Response.json(await request.json()));
// #endregion

test('the snippet is shown as it runs here, in ten lines or fewer', () => {
  const here = readFileSync(new URL(import.meta.url), 'utf8');
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const code = /^```ts\n([^]*?)^```$/m.exec(readme)?.[1] ?? '';
  const region = /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(here)?.[1];
  const own = `import { traceContext } from '@throughline/web/hono';\nimport { traceHandler } from '@throughline/web';\n`;
  expect(code.replace(own, '')).toBe(region);
  expect(code).toContain(own);
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(10);
});

test('and does on the wire what the README says', async () => {
  const telemetry = startTelemetry();
  const { ask, close } = await serveWeb(app.fetch);
  const { headers, body } = await ask('/plans/7', { headers: { traceparent: TRACEPARENT } });
  await close();
  const span = telemetry.find('GET /plans/:id');
  const posted = await POST(new Request('http://planner.internal/', { method: 'POST', body: '[1]' }));
  expect(await posted.json()).toEqual([1]);
  await telemetry.shutdown();
  expect(body).toBe('{"id":"7"}');
  expect(span.parentSpanContext?.spanId).toBe(SPAN_ID);
  expect(headers['server-timing']).toBe(
    `traceparent;desc="${TRACEPARENT.replace(SPAN_ID, span.spanContext().spanId)}"`,
  );
});
