import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { extractFields, injectFields } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
beforeEach(() => telemetry.reset());

const options = { lineage: false } as const;
const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
const inSpan = <T>(fn: () => T): T =>
  trace.getTracer('test').startActiveSpan('post', (span) => {
    const result = context.with(propagation.setBaggage(context.active(), baggage), fn);
    span.end();
    return result;
  });

it('what is injected is extracted: the span and the baggage', () => {
  const extracted = extractFields(structuredClone(inSpan(() => injectFields({ page: 1 }, options))), options);
  const { traceId, spanId } = telemetry.find('post').spanContext();
  expect(trace.getSpanContext(extracted)).toMatchObject({ traceId, spanId, isRemote: true });
  expect(propagation.getBaggage(extracted)?.getEntry('tenant')?.value).toBe('blue');
});

it('returns a copy: the record is not changed, and older fields of it are replaced', () => {
  const record = Object.freeze({ page: 1, Traceparent: 'old', tracestate: 'old=1', baggage: 7 });
  expect(inSpan(() => injectFields(record, options))).toEqual({
    page: 1,
    traceparent: expect.stringMatching(/^00-/) as string,
    baggage: 'tenant=blue',
  });
  expect(injectFields(undefined, options)).toEqual({});
});

it('under suppressed tracing nothing is injected', () => {
  const injected = inSpan(() =>
    context.with(suppressTracing(context.active()), () => injectFields({ page: 1 }, options)),
  );
  expect(injected).toEqual({ page: 1 });
});

it('with no span active, a record that is passed on keeps its fields', () => {
  expect(injectFields({ traceparent, page: 1 }, options)).toEqual({ traceparent, page: 1 });
});

it('extracts onto an empty base', () => {
  const extracted = inSpan(() => extractFields({ page: 1 }));
  expect(trace.getSpanContext(extracted)).toBeUndefined();
  expect(propagation.getBaggage(extracted)).toBeUndefined();
});

it('a chain past its limits is refused where lineage enforces them', () => {
  const enforcing = { lineage: { mode: 'enforce', maxHops: 1 } } as const;
  const first = inSpan(() => injectFields({}, enforcing));
  context.with(extractFields(first, enforcing), () => {
    expect(() => injectFields({}, enforcing)).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_REFUSED' }));
  });
});

it('never throws on what it is given to extract', () => {
  fc.assert(fc.property(fc.anything(), (record) => void extractFields(record)));
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('traceparent', 'tracestate', 'baggage'), fc.anything()),
      (record) => void extractFields(record),
    ),
  );
  expect(trace.getSpanContext(extractFields({ traceparent: [traceparent] }))).toBeUndefined();
  expect(trace.getSpanContext(context.with(ROOT_CONTEXT, () => extractFields({ traceparent })))).toBeDefined();
});
