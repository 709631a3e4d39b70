import type { Attributes } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { expect, it } from 'vitest';
import { messageHandler, receiverSettings } from '../src/messaging/index.ts';
import { kafka } from '../src/messaging/index.ts';

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

it('topics and errors that others make up take no series from a topic that is there', async () => {
  const reader = new ManualReader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  const receiver = receiverSettings<{ topic: string; partition: number; code?: string }>(
    { groupId: 'g', meterProvider },
    {
      scope: { name: 'test', version: '1' },
      system: kafka,
      errorType: () => undefined,
      messageOf: (given) => ({ ...given, headers: undefined, message: {} }),
    },
  );
  const handle = messageHandler(({ code }: { topic: string; partition: number; code?: string }): void => {
    if (code !== undefined) throw Object.assign(new Error('no'), { code });
  }, receiver);
  handle({ topic: 'orders', partition: 0 });
  for (let at = 0; at < 5000; at++) {
    handle({ topic: `made-up-${at}`, partition: at });
    expect(() => handle({ topic: 'orders', partition: 0, code: `CODE_${at}` })).toThrow('no');
  }
  handle({ topic: 'orders', partition: 1 });

  const { resourceMetrics } = await reader.collect();
  const labels = new Map<string, Attributes[]>();
  for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics))
    labels.set(
      descriptor.name,
      dataPoints.map(({ attributes }) => attributes),
    );
  expect([...labels.keys()]).toEqual(
    expect.arrayContaining(['messaging.process.duration', 'messaging.client.consumed.messages']),
  );
  for (const [name, sets] of labels) {
    if (!name.startsWith('messaging')) continue;
    expect(sets.length).toBeLessThan(2000);
    expect(sets).not.toContainEqual({ 'otel.metric.overflow': true });
    const worked = sets.filter(
      (set) => set['messaging.destination.name'] === 'orders' && set['error.type'] === undefined,
    );
    expect(worked).toHaveLength(2);
    expect(sets.some((set) => set['messaging.destination.name'] === '_OTHER')).toBe(true);
  }
});
