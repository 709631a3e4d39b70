import { describe, expect, it } from 'vitest';
import { client, found, server, span, told } from './spans.ts';

const first = span('writer', 'plan');
const second = span('editor', 'publish', { at: 50, more: { traceId: first.traceId } });

describe('many-roots', () => {
  it('names who began the trace anew', () => {
    expect(found([second, first])).toMatchObject([
      {
        code: 'many-roots',
        severity: 'error',
        count: 1,
        boundary: { from: 'writer', to: 'editor', missing: 'parent' },
        message:
          'editor began publish without a parent in a trace that plan of writer had begun, once: the trace id was set by hand, and nothing says what caused it',
      },
    ]);
  });

  describe('says nothing of', () => {
    it('spans whose parent is outside of the capture', () => {
      const ask = client('gateway', '/plan');
      const twice = [10, 40].map((at) => server('planner', '/plan', { under: ask, at }));
      expect(told(twice)).toEqual([]);
    });

    it('roots that links join', () => {
      expect(told([first, { ...second, links: [{ ...first, attributes: {} }] }])).toEqual([]);
    });

    it('a root that came twice, and both ends of a hop in Zipkin', () => {
      expect(told([first, { ...first }])).toEqual([]);
      const ask = client('gateway', '/plan', { lasts: 100 });
      expect(
        told([ask, server('planner', '/plan', { at: 10, more: { traceId: ask.traceId, spanId: ask.spanId } })]),
      ).toEqual([]);
    });

    it('roots of traces of their own', () => {
      expect(told([first, span('editor', 'publish')])).toEqual([]);
    });
  });

  it('leaves two roots of one id to duplicate-span', () => {
    expect(found([first, { ...second, spanId: first.spanId }]).map(({ code }) => code)).toEqual(['duplicate-span']);
  });
});
