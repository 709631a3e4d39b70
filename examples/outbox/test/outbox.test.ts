import { startKafka } from '@throughline/embedded-kafka';
import type { RunningKafka } from '@throughline/embedded-kafka';
import { checkTrace } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOutbox } from '../src/run.ts';

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
      const report = checkTrace(spans.filter(({ traceId }) => traceId === order));
      expect(report).toMatchObject({ verdict: 'sound', services: ['orders', 'billing'], spans: 3, findings: [] });
      expect(report.graph.hops.map(({ boundary }) => boundary.transport)).toEqual(['kafka']);
    }
    // The relay's own work is a trace of its own, whose send links what it sent.
    const send = spans.find((span) => span.service === 'relay' && span.kind === 'PRODUCER');
    expect(orders).not.toContain(send?.traceId);
    expect(new Set(send?.links.map(({ traceId }) => traceId))).toEqual(new Set(orders));
  });

  it('with the default bills all of them in the trace of the relay', async () => {
    const spans = await runOutbox(kafka.brokers, 'replace');
    const [relay] = tracesOf(spans, 'relay outbox');
    expect(tracesOf(spans, 'bill')).toEqual([relay, relay]);
  });
});
