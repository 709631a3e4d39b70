import { context, propagation, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extractContext, forwardHeaders, injectHeaders } from '../src/index.ts';
import { deepFreeze } from './deep-freeze.ts';
import { lineageMember } from './lineage-member.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-01`;
const active = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
const other = '00-11111111111111111111111111111111-2222222222222222-01';

let telemetry: ReturnType<typeof startTelemetry>;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

describe('injectHeaders', () => {
  it('returns a copy with the active context, and opens no span', () => {
    const headers = deepFreeze({ attempt: '1', id: Buffer.from('x') });
    const injected = context.with(active, () => injectHeaders(headers));
    expect(injected).toEqual({ ...headers, traceparent, baggage: lineageMember });
    expect(telemetry.spans()).toEqual([]);
  });

  it('takes baggage along', () => {
    const withBaggage = propagation.setBaggage(active, propagation.createBaggage({ tenant: { value: 'a b' } }));
    expect(context.with(withBaggage, () => injectHeaders())).toEqual({
      traceparent,
      baggage: expect.stringMatching(/^throughline\.lineage=[\w.~-]+,tenant=a%20b$/),
    });
  });

  it.each(['Traceparent', 'TRACEPARENT', 'traceParent'])(
    'replaces %s: one field of each name, in every letter case',
    (name) => {
      const headers = deepFreeze({ [name]: other, TraceState: 'old=1', Baggage: 'old=1', kept: 'yes' });
      expect(context.with(active, () => injectHeaders(headers))).toEqual({
        kept: 'yes',
        traceparent,
        baggage: lineageMember,
      });
    },
  );

  it('with no active span leaves valid fields as they are', () => {
    const headers = deepFreeze({ traceparent: Buffer.from(other), tracestate: 'a=1' });
    expect(injectHeaders(headers)).toEqual(headers);
  });

  it('keeps a valid context under `existing: keep`', () => {
    const headers = deepFreeze({ traceparent: other });
    expect(context.with(active, () => injectHeaders(headers, { existing: 'keep' }))).toEqual(headers);
  });
});

describe('extractContext', () => {
  const spanContextOf = (headers: unknown): unknown =>
    trace.getSpanContext(extractContext({ headers: headers as object }));

  it.each([
    ['text', { traceparent }],
    ['bytes', { traceparent: Buffer.from(traceparent) }],
    ['another letter case', { TraceParent: Buffer.from(traceparent) }],
    ['repeated: the last valid one', { traceparent: [Buffer.from(other), Buffer.from(traceparent), 'nonsense'] }],
  ])('reads %s', (_, headers) => {
    expect(spanContextOf(deepFreeze(headers))).toMatchObject({ traceId, spanId, isRemote: true });
  });

  it('brings baggage and tracestate', () => {
    const extracted = extractContext({
      headers: {
        traceparent: Buffer.from(traceparent),
        tracestate: Buffer.from('a=1'),
        baggage: Buffer.from('tenant=a%20b'),
      },
    });
    expect(propagation.getBaggage(extracted)?.getEntry('tenant')?.value).toBe('a b');
    expect(trace.getSpanContext(extracted)?.traceState?.serialize()).toBe('a=1');
  });

  it('never falls back to the context that is active', () => {
    const extracted = context.with(active, () => extractContext({ headers: { traceparent: 'nonsense' } }));
    expect(trace.getSpanContext(extracted)).toBeUndefined();
  });

  it.each([undefined, null, {}, { headers: undefined }, { headers: null }])(
    'takes %j for a message without a context',
    (message) => {
      expect(trace.getSpanContext(extractContext(message))).toBeUndefined();
    },
  );

  it('never throws, whatever the headers hold', () => {
    const value = fc.oneof(
      fc.string(),
      fc.uint8Array().map(Buffer.from),
      fc.constant(null),
      fc.integer(),
      fc.array(fc.uint8Array()),
      fc.object(),
    );
    const name = fc.oneof(
      fc.constantFrom('traceparent', 'Traceparent', 'tracestate', 'baggage', 'BAGGAGE', '__proto__'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(name, value), fc.anything()), (headers) => {
        extractContext({ headers: headers as object });
      }),
    );
  });
});

describe('forwardHeaders', () => {
  it('drops what the encoder refuses, and keeps the rest', () => {
    const bytes = Buffer.from([0, 255]);
    const headers = deepFreeze({
      a: 'text',
      b: bytes,
      c: null,
      d: undefined,
      e: ['x', null, bytes],
      f: [null],
      g: 7,
      traceparent,
    });
    expect(forwardHeaders({ headers })).toEqual({ a: 'text', b: bytes, e: ['x', bytes], g: '7', traceparent });
  });

  it('keeps a header called __proto__ as a header', () => {
    const headers = Object.defineProperty({}, '__proto__', { value: 'x', enumerable: true });
    expect(Object.entries(forwardHeaders({ headers }))).toEqual([['__proto__', 'x']]);
  });

  it.each([undefined, null, {}, { headers: null }])('gives no headers for %j', (message) => {
    expect(forwardHeaders(message)).toEqual({});
  });

  it('gives what the encoder of kafkajs takes, whatever was received', async () => {
    // kafkajs encodes with a module that it does not export; this is the path inside its package.
    const { createRequire } = await import('node:module');
    const require = createRequire(import.meta.url);
    const encode = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => unknown;
    const value = fc.oneof(
      fc.string(),
      fc.uint8Array().map(Buffer.from),
      fc.uint8Array(),
      fc.constantFrom(null, undefined, true, 1n),
      fc.integer(),
      fc.array(fc.oneof(fc.uint8Array().map(Buffer.from), fc.constant(null))),
      fc.object(),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (headers) => {
        encode({ key: null, value: null, headers: forwardHeaders({ headers }) });
      }),
    );
  });
});
