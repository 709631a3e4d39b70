import { context, SpanKind, trace } from '@opentelemetry/api';
import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { holdsFields, messageHeaders, writeRecord } from '../src/adapter.ts';
import type { Peer, Target } from '../src/index.ts';
import { messageContext, messageFields, messageHandler, receiverSettings } from '../src/messaging/index.ts';
import { runBatch, runMessage, sendAll, senderSettings, settle } from '../src/messaging/index.ts';
import { startTopic } from '../src/messaging/index.ts';
import type { MessagingSystem, ReceiverOptions, SenderOptions } from '../src/messaging/index.ts';

interface Delivered {
  readonly queue: string;
  readonly properties: { readonly headers?: Record<string, unknown> | undefined; readonly tag: number };
}

// A system that this package does not know.
const rabbitmq: MessagingSystem = {
  name: 'rabbitmq',
  transport: 'amqp',
  describe(span, message) {
    const { tag } = message as { tag?: unknown };
    if (typeof tag === 'number') span.setAttribute('messaging.rabbitmq.message.delivery_tag', tag);
  },
};
const kind = {
  scope: { name: 'test-amqp', version: '1' },
  system: rabbitmq,
  errorType: (): undefined => undefined,
};
const sender = (options?: SenderOptions): ReturnType<typeof senderSettings> =>
  senderSettings(options, {
    ...kind,
    shape: {
      reader: messageHeaders,
      headers: (message) => (message as { headers?: object }).headers,
      holdsFields,
      writer: (fields) => (message, headers) => ({
        ...message,
        headers: writeRecord(headers as Record<string, unknown> | undefined, fields),
      }),
    },
    places: () => [],
    suppresses: () => false,
  });
const receiver = (options?: ReceiverOptions<Delivered>): ReturnType<typeof receiverSettings<Delivered>> =>
  receiverSettings<Delivered>(options, {
    ...kind,
    messageOf: ({ queue, properties }) => ({ topic: queue, headers: properties.headers, message: properties }),
  });

describe('a messaging system that an adapter of its own describes', () => {
  let telemetry: Telemetry;
  beforeEach(() => {
    telemetry = startTelemetry();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await telemetry.shutdown();
  });

  const measured = new InMemoryMetricExporter(0);

  /** Sends two messages, handles them one by one and as a batch, acknowledges; with and without a wrapper. */
  async function everything(seen: unknown[]): Promise<void> {
    const meterProvider = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 })],
    });
    const options = {
      meterProvider,
      inbound: (peer: Peer) => (seen.push([peer.transport, peer.channel, peer.name]), 'continue' as const),
      outbound: (target: Target) => (seen.push(target), 'inject' as const),
    };
    const producer = sender({ ...options, spanPerMessage: true });
    const outgoing = startTopic('tasks', [[{ tag: 1 }, { tag: 2 }]], producer);
    await sendAll([outgoing], async () => {}, false);
    const sent = outgoing.lists[0] as { headers: Record<string, unknown>; tag: number }[];
    const delivered = sent.map(({ headers, tag }) => ({ queue: 'tasks', properties: { headers, tag } }));
    const consumer = receiver({ ...options, groupId: 'workers' });
    const handler = messageHandler(async () => {}, consumer);
    for (const one of delivered) await handler(one);
    const messages = delivered.map(({ properties }) => properties);
    await runBatch(
      () => ({ topic: 'tasks', messages }),
      consumer,
      async (batch) => {
        if (batch === undefined) throw new Error('a batch was opened');
        for (const one of delivered)
          runMessage(one, () => trace.getTracer('test').startSpan('work').end(), batch, consumer);
      },
    );
    await settle('tasks', 'workers', producer, async () => {}, false);
    const settings = producer.hop;
    const { fields } = messageFields(rabbitmq, 'tasks', settings);
    context.with(messageContext(rabbitmq, fields, settings), () => {});
    await meterProvider.forceFlush();
    await meterProvider.shutdown();
  }

  it('a settle that returned says what of it failed', async () => {
    const answer = { failed: 1 };
    const outcome = (given: unknown): { errorType: string } | undefined =>
      given === answer ? { errorType: 'gone' } : undefined;
    expect(await settle('tasks', undefined, sender(), async () => answer, false, outcome)).toBe(answer);
    expect(telemetry.find('settle tasks').attributes['error.type']).toBe('gone');
  });

  it('is in names, attributes, metrics, policies and `throughline.hops`, and no other is', async () => {
    const seen: unknown[] = [];
    await everything(seen);
    const spans = telemetry.spans();
    expect(spans.map(({ name, kind: spanKind }) => [name, SpanKind[spanKind]])).toEqual([
      ['create tasks', 'PRODUCER'],
      ['create tasks', 'PRODUCER'],
      ['send tasks', 'CLIENT'],
      ['process tasks', 'CONSUMER'],
      ['process tasks', 'CONSUMER'],
      ['work', 'INTERNAL'],
      ['work', 'INTERNAL'],
      ['process tasks', 'CONSUMER'],
      ['settle tasks', 'CLIENT'],
    ]);
    const hops = spans.filter(({ name }) => name !== 'work');
    expect(hops.map(({ attributes }) => attributes['messaging.system'])).toEqual(hops.map(() => 'rabbitmq'));
    expect(telemetry.find('process tasks').attributes).toEqual({
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'tasks',
      'messaging.consumer.group.name': 'workers',
      'messaging.rabbitmq.message.delivery_tag': 1,
      'throughline.calls': 0,
    });
    // The batch links both of its senders.
    expect(hops.at(-2)?.links.map((link) => link.context.spanId)).toEqual(
      hops.slice(0, 2).map((create) => create.spanContext().spanId),
    );
    expect(seen).toContainEqual(['amqp', 'broker', 'tasks']);
    expect(seen).toContainEqual({ transport: 'amqp', channel: 'broker', name: 'tasks' });
    const metrics = measured.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const points = metrics.flatMap((metric) => metric.dataPoints.map(({ attributes }) => attributes));
    const systems = points.map((attributes) => attributes['messaging.system'] ?? attributes['transport']);
    expect(new Set(systems)).toEqual(new Set(['rabbitmq', 'amqp']));
    expect(metrics.map(({ descriptor }) => descriptor.name)).toEqual(
      expect.arrayContaining(['throughline.hops', 'messaging.client.sent.messages', 'messaging.process.duration']),
    );
    const told = JSON.stringify([spans.map(({ name, attributes }) => [name, attributes]), points, seen]);
    expect(told).not.toMatch(/kafka/i);
  });
});
