import { serverAvailability } from '@throughline/servers';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { describe, expect, it } from 'vitest';
import { openPage } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

const chromium = await serverAvailability('chromium');

describe.skipIf(chromium.missing)(`a page${chromium.note}`, () => {
  it('has its calls, to its own origin and to another, in the trace of the span that made it', async () => {
    const { told, spans } = await openPage();
    const made = spans.find(({ name, service }) => name === 'GET /' && service === 'site');
    const plans = spans.find(({ name }) => name === 'GET /plans');
    const plan = spans.find(({ name }) => name === 'GET /plans/:id');
    for (const call of [plans, plan]) {
      expect(call).toMatchObject({ traceId: made?.traceId, parentSpanId: made?.spanId });
    }
    expect(told).toEqual([`/plans ${plans?.spanId}`, `/plans/7 ${plan?.spanId}`]);
    expect(spans).toBeSound(['site', 'api']);
  });
});
