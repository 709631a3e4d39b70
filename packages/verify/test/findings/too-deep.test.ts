import { describe, expect, it } from 'vitest';
import { found, server, told } from './spans.ts';

const exceeded = (reason: string | undefined) => ({
  name: 'throughline.lineage.exceeded',
  timeUnixNano: 1n,
  attributes: reason === undefined ? {} : { 'throughline.lineage.reason': reason },
});

describe('too-deep', () => {
  it('names the limit, and where', () => {
    expect(found([server('planner', '/plan', { more: { events: [exceeded('hops')] } })])).toMatchObject([
      {
        code: 'too-deep',
        severity: 'warning',
        count: 1,
        boundary: { to: 'planner' },
        message: 'a chain of agents went past its limit on hops at planner, once',
      },
    ]);
  });

  it('is one finding for each limit', () => {
    const spans = ['hops', 'deadline', 'hops', undefined].map((reason) =>
      server('planner', '/plan', { more: { events: [exceeded(reason)] } }),
    );
    expect(found(spans).map(({ count }) => count)).toEqual([2, 1, 1]);
  });

  it('says nothing of other events, and of a deep chain within its limit', () => {
    const other = { name: 'exception', timeUnixNano: 1n, attributes: { 'throughline.lineage.reason': 'hops' } };
    const deep = server('planner', '/plan', {
      attributes: { 'throughline.lineage.hops': 32 },
      more: { events: [other] },
    });
    expect(told([deep])).toEqual([]);
  });
});
