import { describe, expect, it } from 'vitest';
import { client, consumer, found, producer, server, told } from './spans.ts';

const ask = client('gateway', '/plan', { at: 100_000, lasts: 100 });

describe('clock-skew', () => {
  it('names the boundary, and by how much', () => {
    expect(found([ask, server('planner', '/plan', { under: ask, at: 10_000 })])).toMatchObject([
      {
        code: 'clock-skew',
        severity: 'warning',
        count: 1,
        boundary: { from: 'gateway', to: 'planner', transport: 'http', over: '/plan' },
        message:
          'gateway → planner over http /plan: planner received 90.0 s before gateway sent, once: the clock of one of them is wrong',
      },
    ]);
  });

  it('lets nothing else be said: what is far away in time is judged by the clock of who sent', () => {
    const asks = [0, 1000, 2000].map((at) => client('gateway', '/plan', { at: 100_000 + at, lasts: 100 }));
    const plans = asks.map((under, nth) => server('planner', '/plan', { under, at: 10_020 + nth * 1000 }));
    expect(found([...asks, ...plans]).map(({ code }) => code)).toEqual(['clock-skew']);
  });

  describe('says nothing of', () => {
    it('less than clocks of one machine may be apart', () => {
      expect(told([ask, server('planner', '/plan', { under: ask, at: 99_960 })])).toEqual([]);
    });

    it('a message that waited', () => {
      const send = producer('gateway', 'desk.tasks', { at: 100 });
      expect(told([send, consumer('analyst', 'desk.tasks', { under: send, at: 900_000 })])).toEqual([]);
    });
  });
});
