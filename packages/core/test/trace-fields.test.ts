import { context, createTraceState, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { isLineageError, traceFields } from '@throughline/core';
import type { TraceFields } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { messageHeaders, receive } from '../src/adapter.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
beforeEach(() => telemetry.reset());

const remote = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: 1,
  traceState: createTraceState('theirs=1'),
};
const traceparent = `00-${remote.traceId}-${remote.spanId}-01`;
const blue = propagation.createBaggage({ tenant: { value: 'blue' } });
const inTrace = <T>(fn: () => T): T =>
  context.with(propagation.setBaggage(trace.setSpanContext(ROOT_CONTEXT, remote), blue), fn);

describe('traceFields()', () => {
  it('is the active context, and nothing of the user’s for somebody unknown', () => {
    expect(inTrace(() => traceFields({ lineage: false }))).toEqual({ traceparent, tracestate: 'theirs=1' });
  });

  it('has baggage for a first party, by a name, a target or a word', () => {
    const options = [
      { firstParty: true },
      { to: 'search', firstParty: ['search'] },
      { to: { channel: 'memory' } },
      { to: { channel: 'host', host: 'tools.internal' } },
    ] as const;
    for (const option of options) {
      expect(inTrace(() => traceFields({ ...option, lineage: false }))?.baggage, JSON.stringify(option)).toBe(
        'tenant=blue',
      );
    }
    // A name of yours is no name of a host: nothing says that it is private.
    expect(inTrace(() => traceFields({ to: 'search', lineage: false }))?.baggage).toBeUndefined();
  });

  it('is `undefined` where no trace is active, none may be seen, or none may go', () => {
    expect(traceFields()).toBeUndefined();
    expect(inTrace(() => context.with(suppressTracing(context.active()), () => traceFields()))).toBeUndefined();
    expect(inTrace(() => traceFields({ outbound: 'suppress' }))).toBeUndefined();
    expect(
      inTrace(() => traceFields({ outbound: ({ host }) => (host === 'x' ? 'suppress' : 'inject'), to: 'x' })),
    ).toBe(undefined);
  });

  it('opens no span, and is a step of the chain', () => {
    const carrier = { traceparent, baggage: 'throughline.lineage=1.4.32.1.-.-.-' };
    const hop = { transport: 'test', name: 'work', kind: 4, carrier, reader: messageHeaders };
    const fields = receive(hop, () => traceFields({ firstParty: true }));
    expect(fields?.baggage).toBe('throughline.lineage=1.5.32.1.-.-.-');
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['work']);
  });

  it('throws the `LineageError` of a chain that is past its limit', () => {
    const carrier = { traceparent, baggage: 'throughline.lineage=1.32.32.1.-.-.-' };
    const hop = { transport: 'test', name: 'work', kind: 4, carrier, reader: messageHeaders };
    expect(() => receive(hop, () => traceFields({ lineage: { mode: 'enforce' } }))).toThrow(
      expect.toSatisfy(isLineageError) as Error,
    );
  });

  it('is what frameworks take: three optional strings, or a record of anything', () => {
    expectTypeOf<TraceFields>().toExtend<{ traceparent?: string; tracestate?: string; baggage?: string }>();
    expectTypeOf<TraceFields>().toExtend<Record<string, unknown>>();
  });

  it('says what is wrong with an option', () => {
    expect(() => traceFields({ to: 7 as never })).toThrow(/`to`/);
    expect(() => traceFields({ to: { channel: 'pigeon' as never } })).toThrow(/`to.channel`/);
    expect(() => traceFields({ two: 'search' } as never)).toThrow(/two/);
  });
});
