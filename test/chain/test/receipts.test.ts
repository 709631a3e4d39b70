import { SpanKind } from '@opentelemetry/api';
import { hopSettings, messageHeaders, receive, send } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import { checkChains, fromReadableSpans } from '@throughline/verify';
import { expect, test } from 'vitest';

test.each([SpanKind.PRODUCER, SpanKind.CLIENT])(
  'the receipt of an adapter with a scope of its own is met by its calls, of kind %s',
  async (kind) => {
    const telemetry = startTelemetry();
    const settings = hopSettings({}, { name: 'my-queue', version: '1.0.0' });
    const target = { transport: 'my-queue', channel: 'broker', name: 'tasks' } as const;
    await receive(
      { transport: 'my-queue', name: 'process tasks', kind: SpanKind.CONSUMER, carrier: {}, reader: messageHeaders },
      () => send({ transport: 'my-queue', name: 'send results', kind, target }, async () => undefined, settings),
      settings,
    );
    const spans = fromReadableSpans(telemetry.spans());
    await telemetry.shutdown();
    expect(spans.map(({ name, scope }) => `${scope.name}: ${name}`)).toEqual([
      'my-queue: send results',
      'my-queue: process tasks',
    ]);
    expect(checkChains(spans).findings).toEqual([]);
  },
);
