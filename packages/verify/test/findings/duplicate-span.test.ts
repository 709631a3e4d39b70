import { describe, expect, it } from 'vitest';
import { checkChains } from '../../src/index.ts';
import { client, found, server, span, told } from './spans.ts';

const question = server('gateway', '/questions', { lasts: 100 });
const other = server('gateway', '/questions', {
  at: 5000,
  lasts: 100,
  more: { traceId: question.traceId, spanId: question.spanId },
});

describe('duplicate-span', () => {
  it('names the service', () => {
    expect(found([question, other])).toMatchObject([
      {
        code: 'duplicate-span',
        severity: 'error',
        count: 1,
        boundary: { to: 'gateway', missing: 'span' },
        message:
          'gateway made different spans of one id, once: ids are drawn from a source that repeats, such as a random number generator with a fixed seed',
      },
    ]);
  });

  it('hangs what is below from the span of its own service that was open', () => {
    const work = span('gateway', 'work', { under: question, at: 5010 });
    expect(found([question, other, work]).map(({ code }) => code)).toEqual(['duplicate-span']);
  });

  describe('says nothing of', () => {
    it('an export that came twice', () => {
      expect(told([question, { ...question }, question])).toEqual([]);
    });

    it('both ends of a hop in Zipkin', () => {
      const ask = client('gateway', '/plan', { lasts: 100 });
      const plan = server('planner', '/plan', { at: 10, more: { traceId: ask.traceId, spanId: ask.spanId } });
      expect(told([ask, plan])).toEqual([]);
    });

    it('one span id in two traces', () => {
      expect(told([question, { ...other, traceId: 'f'.repeat(32) }])).toEqual([]);
    });

    it('one span that was exported while it was open, and again when it had ended', () => {
      const early = { ...question, endTimeUnixNano: question.startTimeUnixNano };
      for (const both of [
        [early, question],
        [question, early],
      ]) {
        const report = checkChains(both);
        expect([report.findings, report.spans]).toEqual([[], 1]);
        expect(report.trees[0]?.rows[0]?.duration).toBe(checkChains([question]).trees[0]?.rows[0]?.duration);
      }
    });
  });
});
