import { startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import type { CollectedSpan } from '@throughline/verify';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOutbox } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

describe('an outbox that is relayed to Kafka', { timeout: 60_000 }, () => {
  let kafka: RunningKafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.stop());

  const tracesOf = (spans: readonly CollectedSpan[], name: string) =>
    spans.filter((span) => span.name === name).map(({ traceId }) => traceId);

  it("with `existing: 'keep'` bills each order in the trace that placed it, which is whole", async () => {
    const spans = await runOutbox(kafka.brokers, 'keep');
    const orders = tracesOf(spans, 'place order');
    expect(new Set(orders).size).toBe(2);
    expect(new Set(tracesOf(spans, 'bill'))).toEqual(new Set(orders));
    for (const order of orders) {
      const trace = spans.filter(({ traceId }) => traceId === order);
      expect(trace).toFormOneTrace();
      expect(trace).toHaveLength(3);
      expect(trace).toHaveHop('orders', 'billing', { transport: 'kafka' });
    }
    expect(spans).toBeSound(['orders', 'relay', 'billing']);
    // The relay's own work is a trace of its own, whose send links what it sent.
    const send = spans.find((span) => span.service === 'relay' && span.kind === 'PRODUCER');
    expect(orders).not.toContain(send?.traceId);
    expect(new Set(send?.links.map(({ traceId }) => traceId))).toEqual(new Set(orders));
  });

  it('with the default bills all of them in the trace of the relay', async () => {
    const spans = await runOutbox(kafka.brokers, 'replace');
    const [relay] = tracesOf(spans, 'relay outbox');
    expect(tracesOf(spans, 'bill')).toEqual([relay, relay]);
    expect(spans).toBeSound(['orders', 'relay', 'billing']);
  });
});
