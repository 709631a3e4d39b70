import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext, traceHeaders } from '../src/index.ts';
import { onlySpan, serve, TRACE_ID, TRACEPARENT, versions } from './serve.ts';
import type { Answer, Served } from './serve.ts';

let telemetry: Telemetry;
let served: Served | undefined;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await served?.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

test('traceHeaders names the request headers that a browser must be allowed to send', () => {
  expect(traceHeaders).toEqual(['traceparent', 'tracestate', 'baggage']);
  expect(Object.isFrozen(traceHeaders)).toBe(true);
});

describe.each(versions)('response headers, $name', ({ express }) => {
  async function answer(
    options?: Parameters<typeof traceContext>[0],
    before: Record<string, string> = {},
  ): Promise<Answer> {
    const app = express();
    app.use((_req, res, next) => (res.set(before), next()));
    app.use(traceContext(options));
    app.get('/', (_req, res) => void res.end());
    served = await serve(app);
    return served.ask('/', { headers: { traceparent: TRACEPARENT } });
  }

  test('none is added by default', async () => {
    expect((await answer()).headers).not.toHaveProperty('server-timing');
  });

  test('`serverTiming` tells the caller the span that answers', async () => {
    const { headers } = await answer({ serverTiming: true });
    expect(headers['server-timing']).toBe(
      `traceparent;desc="00-${TRACE_ID}-${onlySpan(telemetry).spanContext().spanId}-01"`,
    );
  });

  test('beside a Server-Timing and an Access-Control-Expose-Headers of your own', async () => {
    const { headers } = await answer(
      { serverTiming: true },
      { 'Server-Timing': 'db;dur=53', 'Access-Control-Expose-Headers': 'ETag' },
    );
    expect(headers['server-timing']).toMatch(/^db;dur=53, traceparent;desc="00-/);
    expect(headers['access-control-expose-headers']).toBe('ETag');
  });

  test('`serverTiming` without spans tells nothing', async () => {
    expect((await answer({ serverTiming: true, spans: false })).headers).not.toHaveProperty('server-timing');
  });
});
