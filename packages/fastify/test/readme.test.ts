import { readFileSync } from 'node:fs';
import { startTelemetry } from '@throughline/test-telemetry';
import { expect, test } from 'vitest';
import { serve, SPAN_ID, TRACEPARENT } from './serve.ts';
import { traceContext } from '../src/index.ts';
// #region readme
import fastify from 'fastify';

const app = fastify();
await app.register(traceContext, { agent: 'planner', serverTiming: true });
app.get('/plans/:id', async (request) => {
  return { plan: request.params };
});
// #endregion

test('the snippet is shown as it runs here, in ten lines or fewer', () => {
  const here = readFileSync(new URL(import.meta.url), 'utf8');
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const code = /^```ts\n([^]*?)^```$/m.exec(readme)?.[1] ?? '';
  const region = /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(here)?.[1];
  const own = `import { traceContext } from '@throughline/fastify';\n`;
  expect(code.replace(own, '')).toBe(region);
  expect(code).toContain(own);
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(10);
});

test('and does on the wire what the README says', async () => {
  const telemetry = startTelemetry();
  const { ask, close } = await serve(app);
  const { headers, body } = await ask('/plans/7', { headers: { traceparent: TRACEPARENT } });
  await close();
  const span = telemetry.find('GET /plans/:id');
  await telemetry.shutdown();
  expect(body).toBe('{"plan":{"id":"7"}}');
  expect(span.parentSpanContext?.spanId).toBe(SPAN_ID);
  expect(headers['server-timing']).toBe(
    `traceparent;desc="${TRACEPARENT.replace(SPAN_ID, span.spanContext().spanId)}"`,
  );
});
