import { describe, expect, it } from 'vitest';
import { client, found, server, told } from './spans.ts';

describe('cycle', () => {
  it('names the agent that was asked back', () => {
    const back = server('planner', '/plan', { attributes: { 'throughline.lineage.cycle': true } });
    expect(found([back])).toMatchObject([
      {
        code: 'cycle',
        severity: 'warning',
        count: 1,
        boundary: { to: 'planner' },
        message:
          'planner was asked by somebody whom it had asked itself, once. To ask back is normal, and a loop without an end begins so',
      },
    ]);
  });

  it('says nothing of agents that ask back without lineage, or under another value', () => {
    const ask = client('planner', '/critic', { lasts: 100 });
    const critic = server('critic', '/critic', { under: ask, at: 10, lasts: 80 });
    const back = client('critic', '/plan', { under: critic, at: 20, lasts: 50 });
    const plan = server('planner', '/plan', {
      under: back,
      at: 30,
      attributes: { 'throughline.lineage.cycle': 'false' },
    });
    expect(told([ask, critic, back, plan])).toEqual([]);
  });
});
