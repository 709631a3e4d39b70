import { propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { W3CPropagator } from '@throughline/core';
import { hopSettings, messageHeaders, nodeHeaders } from '@throughline/core/adapter';
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

function relay(
  options?: HopOptions,
  offered: Readonly<Record<string, unknown>> = carrier,
  reader = nodeHeaders,
): Readonly<Record<string, string>> {
  const settings = hopSettings({ lineage: false, ...options }, { name: '@throughline/test', version: '1.0.0' });
  const received = startInbound(
    { transport: 'http', name: 'in', kind: SpanKind.SERVER, carrier: offered, reader },
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

class TenantPropagator extends W3CPropagator {
  override inject(context: Context, fields: unknown, setter: TextMapSetter): void {
    super.inject(context, fields, setter);
    setter.set(fields, 'x-tenant', 'acme');
  }

  override extract(context: Context, fields: unknown, getter: TextMapGetter): Context {
    const extracted = super.extract(context, fields, getter);
    const baggage = propagation.getBaggage(extracted) ?? propagation.createBaggage();
    return propagation.setBaggage(extracted, baggage.setEntry('tenant', { value: 'acme' }));
  }
}

const members = (count: number) => Array.from({ length: count }, (_, at) => `k${at}=v`).join(',');

describe('a propagator that is handed in is the one that runs', () => {
  it.each([
    ['fewer', 2],
    ['more', 100],
  ])('with its own limits: %s members than by default', (_which, baggageMembers) => {
    telemetry = startTelemetry();
    const propagator = new W3CPropagator({ limits: { baggageMembers } });
    const offered = { ...carrier, baggage: members(200) };
    expect(relay({ propagator }, offered)['baggage']).toBe(members(baggageMembers));
    expect(relay({}, offered)['baggage']).toBe(members(64));
  });

  it('with the tighter limit, where the options name one too', () => {
    telemetry = startTelemetry();
    const offered = { ...carrier, baggage: members(200) };
    const propagator = new W3CPropagator({ limits: { baggageMembers: 8 } });
    expect(relay({ propagator, limits: { baggageMembers: 4 } }, offered)['baggage']).toBe(members(4));
    expect(relay({ propagator, limits: { baggageMembers: 80 } }, offered)['baggage']).toBe(members(8));
    // One that says nothing of limits takes those of the options.
    const silent = new W3CPropagator();
    expect(relay({ propagator: silent, limits: { baggageMembers: 80 } }, offered)['baggage']).toBe(members(80));
  });

  it('with its own fields', () => {
    telemetry = startTelemetry();
    expect(Object.keys(relay({ propagator: new W3CPropagator({ fields: ['traceparent'] }) }))).toEqual(['traceparent']);
  });

  it('as the global one with its limits too', () => {
    telemetry = startTelemetry({
      propagator: new W3CPropagator({ limits: { baggageMembers: 2, tracestateMembers: 1 } }),
    });
    const fields = relay({}, { traceparent, tracestate: 'a=1,b=2', baggage: members(3) });
    expect(fields['baggage']).toBe(members(2));
    expect(fields).not.toHaveProperty('tracestate');
  });

  it.each(['option', 'global'])('a subclass by what it overrides, as %s', (how) => {
    const propagator = new TenantPropagator();
    telemetry = startTelemetry(how === 'global' ? { propagator } : {});
    const fields = relay(how === 'option' ? { propagator } : {});
    expect(fields).toMatchObject({ tracestate: 'foo@=1', baggage: 'k=1,tenant=acme', 'x-tenant': 'acme' });
    expect(fields['traceparent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-03$/);
  });

  it('an instance by the method that was put onto it', () => {
    telemetry = startTelemetry();
    const propagator = new W3CPropagator();
    propagator.inject = (_context, fields, setter) => setter.set(fields, 'x-mine', '1');
    expect(relay({ propagator })).toEqual({ 'x-mine': '1' });
  });

  it('a subclass with its own limits, wider ones too', () => {
    telemetry = startTelemetry();
    const limits = { baggageMembers: 3, fieldBytes: 20_000, baggageBytes: 20_000 };
    const long = `a=${'x'.repeat(15_000)}`;
    const propagator = new TenantPropagator({ limits });
    expect(relay({ propagator }, { ...carrier, baggage: `${long},b=2,c=3,d=4` })['baggage']).toBe(`${long},b=2,c=3`);
  });
});

describe('a W3CPropagator that is not of this very class writes the same onto the wire', () => {
  const other = async (): Promise<W3CPropagator> => {
    vi.resetModules();
    const copy = await import('@throughline/core');
    expect(copy.W3CPropagator).not.toBe(W3CPropagator);
    return new copy.W3CPropagator();
  };
  const kinds: [string, () => W3CPropagator | Promise<W3CPropagator>][] = [
    ['a subclass', () => new (class extends W3CPropagator {})()],
    ['another loaded copy', other],
  ];
  const lineage = 'throughline.lineage=1.2.32.1.-.-.abc';
  const carriers: [string, Readonly<Record<string, unknown>>, typeof nodeHeaders][] = [
    ['headers', { ...carrier, baggage: `${lineage},k=1` }, nodeHeaders],
    ['an untidy tracestate', { traceparent, tracestate: 'rojo=00f067aa0ba902b7 , ,congo=t61rcWkgMzE' }, nodeHeaders],
    ['no trace', { baggage: `k=1,${lineage}` }, nodeHeaders],
    ['an empty traceparent', { traceparent: '', tracestate: 'a=1', baggage: '' }, nodeHeaders],
    ['a repeated traceparent', { ...carrier, traceparent: [traceparent, traceparent] }, nodeHeaders],
    ['baggage past the limit', { ...carrier, baggage: `k=${'v'.repeat(8000)},l=${'v'.repeat(8000)}` }, nodeHeaders],
    [
      'bytes in any letter case',
      { TraceParent: Buffer.from(traceparent), tracestate: Buffer.from('foo@=1'), baggage: Buffer.from(lineage) },
      messageHeaders,
    ],
    [
      'repeated fields of a message',
      { traceparent: ['x', Buffer.from(traceparent)], tracestate: ['a=1', 'b=2'], baggage: [lineage, 'k=1'] },
      messageHeaders,
    ],
  ];
  const withoutSpanId = (fields: Readonly<Record<string, string>>) => ({
    ...fields,
    traceparent: fields['traceparent']?.replace(/-[0-9a-f]{16}-/, '-'),
  });

  it.each(kinds.flatMap(([kind, make]) => carriers.map(([what, ...more]) => [kind, what, make, more] as const)))(
    '%s: %s',
    async (_kind, _what, make, [offered, reader]) => {
      telemetry = startTelemetry();
      const propagator = await make();
      const outcomes = [];
      for (const each of [new W3CPropagator(), propagator]) {
        const options = { propagator: each, lineage: {}, spans: true };
        const fields = withoutSpanId(relay(options, offered, reader));
        // A trace that starts here has an id of its own.
        if (!fields.traceparent?.includes('0af7651916cd43dd8448eb211c80319c')) fields.traceparent = 'started';
        outcomes.push({ fields, hops: await telemetry.hops() });
        await telemetry.reset();
      }
      expect(outcomes[1]).toEqual(outcomes[0]);
    },
  );
});
