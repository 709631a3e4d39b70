import { SpanKind } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await telemetry.shutdown();
  // Each test loads the package anew, as a process that has read no field yet.
  vi.resetModules();
});

describe('the first field that a process reads', () => {
  it.each(['http', 'message', 'meta'] as const)('when it is empty, is no context: carrier of kind %s', async (kind) => {
    const { hopSettings, httpHeaders, messageHeaders, metaFields, startInbound } =
      await import('@throughline/core/adapter');
    const reader = { http: httpHeaders, message: messageHeaders, meta: metaFields }[kind];
    const carrier = { traceparent: '', tracestate: '', baggage: '' };
    const settings = hopSettings({}, { name: '@throughline/test', version: '1.0.0' });
    startInbound(
      { transport: 'kafka', name: 'process tasks', kind: SpanKind.CONSUMER, carrier, reader, linkParent: true },
      settings,
    ).end();
    const span = telemetry.find('process tasks');
    expect(span.links).toEqual([]);
    expect(span.parentSpanContext).toBeUndefined();
    expect(await telemetry.hops()).toEqual({ 'kafka inbound invalid': 1 });
  });

  it('when it is empty, is nothing to any codec', async () => {
    const { formatBaggage, formatTraceparent, parseBaggage, parseTraceparent, parseTracestate } =
      await import('@throughline/core/adapter');
    const { parseLineage } = await import('../src/lineage/codec.ts');
    const none = { traceId: '', spanId: '', traceFlags: 0 };
    expect(formatTraceparent(none)).toBeUndefined();
    expect(formatBaggage(undefined)).toBeUndefined();
    for (const parse of [parseTraceparent, parseTracestate, parseBaggage, parseLineage]) {
      for (const empty of ['', undefined, null]) expect(parse(empty), parse.name).toBeUndefined();
    }
  });
});
