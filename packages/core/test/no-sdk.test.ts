import { context, propagation, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { register } from '@throughline/core';
import { hopSettings, nodeHeaders, writeRecord } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import { startInbound, startOutbound } from './admitted.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const settings = hopSettings({ lineage: false }, { name: '@throughline/test', version: '1.0.0' });
const target = { transport: 'http', channel: 'host', host: 'localhost' } as const;
const hop = { transport: 'http', name: 'GET', kind: SpanKind.CLIENT, target } as const;

afterEach(() => {
  context.disable();
  propagation.disable();
});

describe('without an SDK', () => {
  it('register() lets context flow on unchanged, through awaits too', async () => {
    expect(register()).toEqual({ contextManager: 'registered', propagator: 'registered' });
    const carrier = { traceparent, tracestate: 'x=1', baggage: 'k=1' };
    const received = startInbound(
      { transport: 'http', name: 'GET', kind: SpanKind.SERVER, carrier, reader: nodeHeaders },
      settings,
    );
    const fields = await context.with(received.context, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return startOutbound(hop, settings).fields;
    });
    expect(fields).toEqual(carrier);
  });

  it('injects no traceparent of its own, leaves the caller’s as it is, and baggage still travels', () => {
    const baggage = propagation.createBaggage({ k: { value: '1' } });
    const sending = startOutbound({ ...hop, context: propagation.setBaggage(ROOT_CONTEXT, baggage) }, settings);
    expect(sending.fields).toEqual({ baggage: 'k=1' });
    expect(writeRecord({ a: '1' }, sending)).toEqual({ a: '1', baggage: 'k=1' });
    expect(writeRecord({ traceparent }, startOutbound(hop, settings))).toEqual({ traceparent });
  });

  it('register() never replaces what an SDK registered', async () => {
    const telemetry = startTelemetry();
    expect(register()).toEqual({ contextManager: 'kept', propagator: 'kept' });
    await telemetry.shutdown();
  });

  it('register() twice reports that the first one stays', () => {
    register();
    expect(register()).toEqual({ contextManager: 'kept', propagator: 'kept' });
  });
});
