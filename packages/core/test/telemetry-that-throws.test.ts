import { diag, DiagLogLevel, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Meter, Span, TextMapPropagator, Tracer, TracerProvider } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { hopSettings, metaFields, runInbound, runOutbound } from '@throughline/core/adapter';
import type { InboundHop, OutboundHop } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const broken = (): never => {
  throw new Error('telemetry is broken');
};

let telemetry: Telemetry;
let told: string[];
beforeAll(() => {
  telemetry = startTelemetry();
});
beforeEach(() => {
  told = [];
  delete (globalThis as Record<symbol, unknown>)[Symbol.for('throughline.warnings')];
  const tell = (message: string): void => void told.push(message);
  diag.setLogger({ error: tell, warn: tell, info: tell, debug: tell, verbose: tell }, DiagLogLevel.WARN);
});
afterEach(() => {
  diag.disable();
  return telemetry.reset();
});
afterAll(() => telemetry.shutdown());

/** A provider whose tracer, or each span of it, throws wherever it is touched. */
function tracerProvider(tracer: Tracer): TracerProvider {
  return { getTracer: () => tracer };
}

const real = (): Tracer => trace.getTracer('real');
const spanThat = (members: Partial<Span>): Tracer => ({
  startSpan: (...args) => Object.assign(Object.create(real().startSpan(...args)) as Span, members),
  startActiveSpan: broken,
});

const foreign: TextMapPropagator = { inject: broken, extract: broken, fields: broken };
const meter = { createObservableCounter: broken, createHistogram: broken, createCounter: broken } as unknown as Meter;

const cases: [string, HopOptions][] = [
  ['a tracer', { tracerProvider: tracerProvider({ startSpan: broken, startActiveSpan: broken }) }],
  ['a span that cannot say its context', { tracerProvider: tracerProvider(spanThat({ spanContext: broken })) }],
  ['a span that ends', { tracerProvider: tracerProvider(spanThat({ end: broken })) }],
  ['a span that is told', { tracerProvider: tracerProvider(spanThat({ setAttribute: broken, setStatus: broken })) }],
  ['a span that is asked', { tracerProvider: tracerProvider(spanThat({ isRecording: broken })) }],
  ['a meter provider', { meterProvider: { getMeter: broken } }],
  ['a meter', { meterProvider: { getMeter: () => meter } }],
  ['a propagator', { propagator: foreign }],
  ['a policy', { inbound: broken, outbound: broken, authenticated: broken, baggage: { send: broken } }],
  ['`onLineage`', { lineage: { maxHops: 1, onLineage: broken } }],
];

const outbound: OutboundHop = {
  transport: 'queue',
  name: 'call',
  kind: SpanKind.PRODUCER,
  target: { transport: 'queue', channel: 'broker' },
};
const inbound: InboundHop = {
  transport: 'queue',
  name: 'work',
  kind: SpanKind.CONSUMER,
  carrier: {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    baggage: 'throughline.lineage=1.2.32.1.-.-.-,a=b',
  },
  reader: metaFields,
};

describe.each(cases)('%s that throws', (_, options) => {
  const settings = () => hopSettings({ ...options, agent: 'planner' }, { name: 'test', version: '1' });
  // A user's own baggage, so that there is something to be decided.
  const context = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ a: { value: 'b' } }));
  const chain = (work: () => unknown) =>
    runInbound(inbound, settings(), {
      describe: (span) => void span.setAttribute('a', 'b'),
      work: () => runOutbound({ ...outbound, context }, settings(), { call: (sending) => [sending.fields, work()][1] }),
    });

  it('changes nothing of what the user’s work returns or throws', async () => {
    const mine = new Error('mine');
    for (let again = 0; again < 3; again++) {
      expect(chain(() => 7)).toBe(7);
      expect(await chain(async () => 7)).toBe(7);
      expect(() => chain(() => Reflect.apply(throwing, undefined, [mine]))).toThrow(mine);
      await expect(chain(() => Promise.reject(mine))).rejects.toBe(mine);
    }
  });

  it('is told once', () => {
    for (let again = 0; again < 3; again++) chain(() => 7);
    expect(told.length).toBeGreaterThan(0);
    expect(new Set(told).size).toBe(told.length);
  });
});

it('a policy that throws what has no text still decides for the safe side', () => {
  const textless = (): never => throwing(Object.create(null));
  const settings = hopSettings(
    { inbound: textless, outbound: textless, authenticated: textless },
    { name: 'test', version: '1' },
  );
  runInbound(inbound, settings, {
    work: () => runOutbound(outbound, settings, { call: ({ fields }) => expect(fields).toEqual({}) }),
  });
  const [sent, received] = telemetry.spans();
  expect(received?.spanContext().traceId).not.toBe('0af7651916cd43dd8448eb211c80319c');
  expect(sent?.parentSpanContext?.spanId).toBe(received?.spanContext().spanId);
  expect(told.join('\n')).toContain('the `inbound` policy failed, so the trace restarts: a value that has no text');
  expect(told.join('\n')).toContain('the `outbound` policy failed, so nothing is injected: a value that has no text');
});

function throwing(error: unknown): never {
  throw error;
}

describe('what an adapter of ours is asked at the end of a hop', () => {
  it('goes no further when it throws, and an outcome that cannot be told leaves the failure a failure', () => {
    const settings = hopSettings(undefined, { name: 'test', version: '1' });
    const life = { failure: broken, measure: broken, describe: broken };
    expect(runOutbound(outbound, settings, { call: () => 7, outcome: broken, ...life })).toBe(7);
    const mine = new TypeError('mine');
    expect(() => runOutbound(outbound, settings, { call: () => throwing(mine), ...life })).toThrow(mine);
    expect(telemetry.spans().map((span) => span.attributes['error.type'])).toEqual([undefined, 'TypeError']);
  });
});
