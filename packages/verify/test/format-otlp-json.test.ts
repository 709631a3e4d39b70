import { describe, expect, it } from 'vitest';
import { formatOtlpJson, parseOtlpJson } from '../src/index.ts';
import type { CollectedSpan } from '../src/index.ts';

const span: CollectedSpan = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  parentIsRemote: true,
  name: 'GET /plans',
  kind: 'SERVER',
  service: 'planner',
  startTimeUnixNano: 1_700_000_000_000_000_001n,
  endTimeUnixNano: 1_700_000_000_000_000_003n,
  attributes: Object.assign(Object.create(null) as object, {
    text: 'a',
    yes: true,
    whole: 7,
    large: 2n ** 62n + 1n,
    half: 0.5,
    none: Number.NaN,
    list: ['a', 1],
    nothing: null,
  }) as CollectedSpan['attributes'],
  links: [
    { traceId: '1af7651916cd43dd8448eb211c80319c', spanId: 'a7ad6b7169203331', attributes: Object.create(null) as {} },
  ],
  events: [{ name: 'exception', timeUnixNano: 5n, attributes: Object.create(null) as {} }],
  status: { code: 'ERROR', message: 'no' },
  scope: { name: 'test', version: '1.0.0' },
  resource: Object.assign(Object.create(null) as object, { 'service.name': 'planner' }) as CollectedSpan['resource'],
};

describe('formatOtlpJson()', () => {
  it('is read back as the same spans', () => {
    const plain: CollectedSpan = { ...span, spanId: 'c7ad6b7169203331', kind: 'INTERNAL', status: { code: 'UNSET' } };
    const spans = [span, plain];
    expect(parseOtlpJson(formatOtlpJson(spans))).toEqual({ spans, rejected: 0 });
    expect(formatOtlpJson(spans)).not.toContain('\n');
    expect(formatOtlpJson([])).toBe('{"resourceSpans":[]}');
  });
});

describe('parseOtlpJson() takes what exporters write', () => {
  const written = (more: object): CollectedSpan | undefined =>
    parseOtlpJson({
      resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: span.traceId, spanId: span.spanId, ...more }] }] }],
    }).spans[0];
  const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

  it('ids in either case, in base64, and in decimal', () => {
    for (const [traceId, spanId] of [
      [span.traceId.toUpperCase(), span.spanId.toUpperCase()],
      [base64(span.traceId), base64(span.spanId)],
      [BigInt(`0x${span.traceId}`).toString().padStart(33, '0'), BigInt(`0x${span.spanId}`).toString()],
    ]) {
      expect(written({ traceId, spanId })).toMatchObject({ traceId: span.traceId, spanId: span.spanId });
    }
    for (const wrong of ['', 'x'.repeat(32), '9'.repeat(40), 'AAAAAAAAAAAAAAAAAAAAAA==', '0'.repeat(32)]) {
      expect(written({ traceId: wrong })).toBeUndefined();
    }
  });

  it('enumerations as numbers, and as names with a prefix or without', () => {
    for (const kind of [3, 'SPAN_KIND_CLIENT', 'CLIENT', 'Client']) expect(written({ kind })?.kind).toBe('CLIENT');
    for (const code of [2, 'STATUS_CODE_ERROR', 'ERROR', 'Error']) {
      expect(written({ status: { code } })?.status.code).toBe('ERROR');
    }
    expect([written({ kind: 'x' })?.kind, written({ status: { code: 'x' } })?.status.code]).toEqual([
      'INTERNAL',
      'UNSET',
    ]);
  });
});
