import { propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { TextMapPropagator } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { afterEach, describe, expect, it } from 'vitest';
import { W3CPropagator } from '@throughline/core';
import { hopSettings, nodeHeaders } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { startInbound, startOutbound } from './admitted.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03';
const carrier = { traceparent, tracestate: 'foo@=1', baggage: 'k=1' };
const hop = {
  transport: 'http',
  name: 'GET',
  kind: SpanKind.CLIENT,
  target: { transport: 'http', channel: 'host', host: 'localhost' },
} as const;

let telemetry: Telemetry;
afterEach(() => telemetry.shutdown());

function relay(options?: HopOptions): Readonly<Record<string, string>> {
  const settings = hopSettings({ lineage: false, ...options }, { name: '@throughline/test', version: '1.0.0' });
  const received = startInbound(
    { transport: 'http', name: 'in', kind: SpanKind.SERVER, carrier, reader: nodeHeaders },
    settings,
  );
  const sending = startOutbound({ ...hop, context: received.context }, settings);
  sending.end();
  received.end();
  return sending.fields;
}

describe('which propagator a hop uses', () => {
  it('a stock SDK’s is replaced, so that the promises about the wire hold: the random flag and Level 2 keys stay', () => {
    telemetry = startTelemetry();
    const fields = relay();
    expect(fields).toMatchObject({ tracestate: 'foo@=1', baggage: 'k=1' });
    expect(fields['traceparent']).toMatch(/-03$/);
  });

  it('only the fields that the global one owns are read and written', () => {
    telemetry = startTelemetry({ propagator: new W3CTraceContextPropagator() });
    expect(Object.keys(relay())).toEqual(['traceparent', 'tracestate']);
  });

  it("'global' takes the global one as it is", () => {
    telemetry = startTelemetry();
    expect(relay({ propagator: 'global' })['traceparent']).toMatch(/-01$/);
  });

  it('none configured: all three W3C fields', () => {
    telemetry = startTelemetry({ propagator: null });
    expect(Object.keys(relay())).toEqual(['traceparent', 'tracestate', 'baggage']);
  });

  it('one that an SDK registers after the wrap is used', () => {
    telemetry = startTelemetry({ propagator: null });
    const settings = hopSettings({ lineage: false }, { name: '@throughline/test', version: '1.0.0' });
    startOutbound(hop, settings).end();
    const custom: TextMapPropagator = {
      inject: (_context, fields, setter) => setter.set(fields, 'x-late', '1'),
      extract: (context) => context,
      fields: () => ['x-late'],
    };
    propagation.setGlobalPropagator(custom);
    expect(startOutbound(hop, settings).fields).toEqual({ 'x-late': '1' });
  });
});

describe('W3CPropagator as the global one', () => {
  it('reads any carrier through its getter, and writes exactly one field of each name', () => {
    telemetry = startTelemetry({ propagator: new W3CPropagator() });
    const extracted = propagation.extract(ROOT_CONTEXT, { ...carrier, traceparent: [traceparent] });
    expect(trace.getSpanContext(extracted)).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      traceFlags: 3,
      isRemote: true,
    });
    const fields = {};
    propagation.inject(extracted, fields);
    expect(fields).toEqual(carrier);
  });

  it('gives a context without a parent for a traceparent that is repeated or of a wrong type', () => {
    telemetry = startTelemetry({ propagator: new W3CPropagator() });
    for (const value of [
      [traceparent, traceparent],
      7,
      {},
      Buffer.from(traceparent),
      `${traceparent}, ${traceparent}`,
    ]) {
      expect(trace.getSpanContext(propagation.extract(ROOT_CONTEXT, { traceparent: value }))).toBeUndefined();
    }
  });

  it('can be limited to some of its fields', () => {
    telemetry = startTelemetry({ propagator: new W3CPropagator({ fields: ['baggage'] }) });
    expect(propagation.fields()).toEqual(['baggage']);
    expect(trace.getSpanContext(propagation.extract(ROOT_CONTEXT, carrier))).toBeUndefined();
  });
});
