import { startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runRetries } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

describe('a retry topic with delays', { timeout: 60_000 }, () => {
  let kafka: RunningKafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.stop());

  it('keeps each order one trace, however often it is tried, and the attempts wait', async () => {
    const spans = await runRetries(kafka.brokers);
    const bills = spans.filter(({ name }) => name === 'bill');
    const tries = (order: string) => bills.filter(({ attributes }) => attributes['order'] === order);
    expect(['a chair', 'a lamp', 'a ghost'].map((order) => tries(order).length)).toEqual([1, 3, 3]);

    for (const place of spans.filter(({ name }) => name === 'place order')) {
      const order = String(place.attributes['order']);
      expect(new Set(tries(order).map(({ traceId }) => traceId))).toEqual(new Set([place.traceId]));
    }
    // Batches of the retry topic link many orders and are a trace of their own.
    expect(spans).toBeSound();
    const letter = spans.find(({ name }) => name === 'look into it');
    expect(letter?.traceId).toBe(tries('a ghost')[0]?.traceId);
    expect(letter?.attributes['reason']).toContain('cannot be billed');

    const starts = tries('a lamp').map(({ startTimeUnixNano }) => Number(startTimeUnixNano) / 1e6);
    expect((starts[1] ?? 0) - (starts[0] ?? 0)).toBeGreaterThan(190);
    expect((starts[2] ?? 0) - (starts[1] ?? 0)).toBeGreaterThan(390);
  });
});
