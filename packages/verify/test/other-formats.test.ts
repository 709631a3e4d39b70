import { describe, expect, it } from 'vitest';
import { captures } from '../../../test/corpus/src/captures.ts';
import { checkChains, formatOtlpJson, parseJaegerJson, parseSpans, parseZipkinJson } from '../src/index.ts';
import type { CollectedSpan } from '../src/index.ts';

const micros = (time: bigint): number => Number(time / 1000n);
const tagsOf = (attributes: CollectedSpan['attributes']) =>
  Object.entries(attributes).map(([key, value]) => ({ key, type: typeof value, value }));

/** As Jaeger's UI downloads it: ids without zeros at the front, links as references that follow from. */
function asJaeger(spans: readonly CollectedSpan[]): string {
  const data = [...new Set(spans.map(({ traceId }) => traceId))].map((traceID) => ({
    traceID,
    spans: spans
      .filter(({ traceId }) => traceId === traceID)
      .map((span) => ({
        traceID: span.traceId.replace(/^0+/, ''),
        spanID: span.spanId.replace(/^0+/, ''),
        operationName: span.name,
        references: [
          ...(span.parentSpanId === undefined ? [] : [{ refType: 'CHILD_OF', traceID, spanID: span.parentSpanId }]),
          ...span.links.map((link) => ({ refType: 'FOLLOWS_FROM', traceID: link.traceId, spanID: link.spanId })),
        ],
        startTime: micros(span.startTimeUnixNano),
        duration: micros(span.endTimeUnixNano - span.startTimeUnixNano),
        tags: [
          ...tagsOf(span.attributes),
          { key: 'span.kind', type: 'string', value: span.kind.toLowerCase() },
          ...(span.status.code === 'ERROR' ? [{ key: 'error', type: 'bool', value: true }] : []),
        ],
        logs: span.events.map(({ name, timeUnixNano }) => ({
          timestamp: micros(timeUnixNano),
          fields: [{ key: 'event', type: 'string', value: name }],
        })),
        processID: span.service,
      })),
    processes: Object.fromEntries(spans.map(({ service }) => [service, { serviceName: service, tags: [] }])),
  }));
  return JSON.stringify({ data });
}

function asZipkin(spans: readonly CollectedSpan[]): string {
  return JSON.stringify(
    spans.map((span) => ({
      traceId: span.traceId,
      id: span.spanId,
      parentId: span.parentSpanId,
      name: span.name,
      kind: span.kind === 'INTERNAL' ? undefined : span.kind,
      timestamp: micros(span.startTimeUnixNano),
      duration: micros(span.endTimeUnixNano - span.startTimeUnixNano),
      localEndpoint: { serviceName: span.service },
      tags: {
        ...Object.fromEntries(Object.entries(span.attributes).map(([key, value]) => [key, String(value)])),
        ...(span.status.code === 'ERROR' && { error: 'true' }),
      },
    })),
  );
}

const told = captures.filter(({ expected }) => expected.hard !== true);
const codesOf = (spans: readonly CollectedSpan[], services: readonly string[] | undefined): string[] =>
  checkChains(spans, { services }).findings.map(({ code, boundary }) => `${code} ${boundary?.from} ${boundary?.to}`);

describe('a capture is judged the same', () => {
  it.each(told)('$name out of Jaeger', ({ spans, expected }) => {
    const { spans: read, rejected, malformed } = parseSpans(asJaeger(spans));
    expect({ count: read.length, rejected, malformed }).toEqual({
      count: spans.length,
      rejected: 0,
      malformed: undefined,
    });
    expect(codesOf(read, expected.captured)).toEqual(codesOf(spans, expected.captured));
  });

  // Zipkin has no links: who is joined by them alone looks lost there.
  it.each(told.filter(({ spans }) => spans.every(({ links }) => links.length === 0)))(
    '$name out of Zipkin',
    ({ spans, expected }) => {
      const { spans: read, rejected } = parseSpans(asZipkin(spans));
      expect([read.length, rejected]).toEqual([spans.length, 0]);
      expect(codesOf(read, expected.captured)).toEqual(codesOf(spans, expected.captured));
    },
  );

  it.each(told)('$name out of OTLP again, on a line each', ({ spans, expected }) => {
    const lines = spans.map((span) => formatOtlpJson([span])).join('\n');
    expect(codesOf(parseSpans(lines).spans, expected.captured)).toEqual(codesOf(spans, expected.captured));
  });
});

describe('what is none of them', () => {
  it.each(['', ' ', 'x', '[', '[1, null, {}]', '{"data": [1, {"spans": [1, {}]}]}', '{"data": 7}', 'null', '[[[]]]'])(
    '%j gives no spans, and no error',
    (text) => {
      expect(parseSpans(text).spans).toEqual([]);
    },
  );

  it('says what it expected', () => {
    expect(parseJaegerJson({}).malformed).toContain('`data` of Jaeger');
    expect(parseZipkinJson({}).malformed).toContain('list of spans of Zipkin');
    const broken = {
      get data(): unknown {
        throw new Error('broken');
      },
    };
    expect(parseJaegerJson(broken).malformed).toBe('the body cannot be read');
  });
});
