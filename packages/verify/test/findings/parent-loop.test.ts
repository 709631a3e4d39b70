import { describe, expect, it } from 'vitest';
import { client, found, server, span, told } from './spans.ts';

const plan = span('writer', 'plan');
const draft = span('writer', 'draft', { under: plan, at: 10 });

describe('parent-loop', () => {
  it('names the service, once a loop', () => {
    const looped = [{ ...plan, parentSpanId: draft.spanId }, draft];
    expect(found(looped)).toMatchObject([
      {
        code: 'parent-loop',
        severity: 'error',
        count: 1,
        boundary: { to: 'writer', missing: 'parent' },
        message: 'the parents of plan lead back to itself',
      },
    ]);
  });

  it('is found of a span that is its own parent, and of long loops', () => {
    expect(found([{ ...plan, parentSpanId: plan.spanId }])).toMatchObject([{ code: 'parent-loop' }]);
    const chain = Array.from({ length: 500 }, (_, nth) => span('writer', `step ${nth}`));
    const looped = chain.map((one, nth) => ({
      ...one,
      traceId: plan.traceId,
      parentSpanId: chain[(nth + 1) % chain.length]?.spanId ?? '',
    }));
    expect(found(looped)).toMatchObject([{ code: 'parent-loop', count: 1 }]);
  });

  describe('says nothing of', () => {
    it('agents that ask each other back', () => {
      const ask = client('planner', '/critic', { lasts: 100 });
      const critic = server('critic', '/critic', { under: ask, at: 10, lasts: 80 });
      const back = client('critic', '/plan', { under: critic, at: 20, lasts: 50 });
      expect(told([ask, critic, back, server('planner', '/plan', { under: back, at: 30 })])).toEqual([]);
    });

    it('links that lead back', () => {
      const [a, b] = [span('writer', 'a'), span('writer', 'b')];
      const link = { attributes: {} };
      expect(
        told([
          { ...a, links: [{ ...b, ...link }] },
          { ...b, links: [{ ...a, ...link }] },
        ]),
      ).toEqual([]);
    });
  });
});
