import { describe, expect, it } from 'vitest';
import { captures } from '../../../test/corpus/src/captures.ts';
import { checkChains, formatOtlpJson, parseJaegerJson, parseSpans, parseZipkinJson } from '../src/index.ts';
import type { CollectedSpan, SpanLink } from '../src/index.ts';
import { asJaeger, asZipkin } from './written-as.ts';

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

  it('out of Jaeger, where a message is the child of the span that it links', () => {
    const spans = told
      .flatMap(({ spans: all }) => all)
      .filter(({ links, ...child }) => links.some((link) => isParentOf(link, child)));
    expect(spans).not.toEqual([]);
    const read = parseSpans(asJaeger(spans)).spans;
    const relations = ({ spanId, parentSpanId, links }: CollectedSpan) => [
      spanId,
      parentSpanId,
      links.map((link) => link.spanId),
    ];
    expect(new Set(read.map(relations))).toEqual(new Set(spans.map(relations)));
  });

  // Zipkin has no links: who is joined by them alone looks lost there.
  it.each(told.filter(({ spans }) => spans.every(({ links }) => links.length === 0)))(
    '$name out of Zipkin',
    ({ spans, expected }) => {
      const { spans: read, rejected } = parseSpans(asZipkin(spans));
      expect([read.length, rejected]).toEqual([spans.length, 0]);
      // An event has its name alone there, so that nobody knows what was loaded.
      const known = codesOf(spans, expected.captured).filter((code) => !code.startsWith('model-reloaded'));
      expect(codesOf(read, expected.captured)).toEqual(known);
    },
  );

  it.each(told)('$name out of OTLP again, on a line each', ({ spans, expected }) => {
    const lines = spans.map((span) => formatOtlpJson([span])).join('\n');
    expect(codesOf(parseSpans(lines).spans, expected.captured)).toEqual(codesOf(spans, expected.captured));
  });
});

function isParentOf(link: SpanLink, child: Pick<CollectedSpan, 'traceId' | 'parentSpanId'>): boolean {
  return link.traceId === child.traceId && link.spanId === child.parentSpanId;
}

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
