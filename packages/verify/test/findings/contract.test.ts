import { describe, expect, it } from 'vitest';
import { client, consumer, found, lost, producer, server, told } from './spans.ts';

const ask = client('gateway', '/plan', { lasts: 100 });
const plan = server('planner', '/plan', { under: ask, at: 10, lasts: 80 });
const send = producer('planner', 'desk.tasks', { under: plan, at: 20 });
const work = consumer('analyst', 'desk.tasks', { under: send, at: 40 });
const spans = [ask, plan, send, work];

describe('contract', () => {
  it('names the hop that is missing, there too often, or unknown', () => {
    const hop = { from: 'planner', to: 'analyst', over: 'desk.tasks' };
    expect(found(spans, { contract: { hops: [{ ...hop, min: 3 }] } })).toMatchObject([
      {
        code: 'contract',
        severity: 'error',
        count: 1,
        boundary: hop,
        message: 'planner → analyst over desk.tasks: the contract asks for 3, and there is 1',
      },
    ]);
    expect(told(spans, { contract: { hops: [{ ...hop, max: 0 }] } })).toEqual([
      'contract: planner → analyst over desk.tasks: the contract takes 0 at the most, and there is 1',
    ]);
    expect(told(spans, { contract: { hops: [hop], only: true } })).toEqual([
      'contract: gateway → planner over http /plan: the contract knows of no such hop',
    ]);
  });

  it('takes a service that it names for one that should be there', () => {
    const linked = consumer('analyst', 'desk.tasks', { links: [producer('planner', 'desk.tasks')] });
    expect(told([linked])).toEqual([]);
    expect(found([linked], { contract: { services: ['planner', 'analyst'] } })).toMatchObject([
      { code: 'missing-link-target' },
    ]);
  });

  describe('says nothing of', () => {
    it('a hop whose context was lost: that is told, and why', () => {
      const torn = [ask, lost(plan)];
      expect(told(torn, { contract: { hops: [{ from: 'gateway', to: 'planner', over: '/plan' }] } })).toEqual([
        expect.stringMatching(/^lost-context: gateway → planner over http \/plan/),
      ]);
      const other = { from: 'gateway', to: 'planner', over: '/other' };
      expect(told(torn, { contract: { hops: [other] } })).toHaveLength(2);
    });

    it('hops that are as they should be, by parent or by link', () => {
      const linked = consumer('analyst', 'desk.tasks', { at: 40, links: [send] });
      const hops = [
        { from: 'gateway', to: 'planner', transport: 'http', over: '/plan', min: 1, max: 1 },
        { from: 'planner', to: 'analyst' },
      ];
      expect(told(spans, { contract: { hops, only: true } })).toEqual([]);
      expect(told([ask, plan, send, linked], { contract: { hops, only: true } })).toEqual([]);
    });

    it('hops that it does not list', () => {
      expect(told(spans, { contract: { hops: [] } })).toEqual([]);
    });
  });
});
