import { describe, expect, it } from 'vitest';
import { client, found, producer, server, span, told } from './spans.ts';

const calls = (count: number) => ({ 'throughline.calls': count, 'throughline.direction': 'inbound' });
const question = server('gateway', '/questions', { lasts: 500, attributes: calls(2) });
const ask = client('gateway', '/plan', { under: question, at: 10, lasts: 50 });

describe('missing-calls', () => {
  it('says how many were made, and how many exported', () => {
    expect(found([question, ask])).toMatchObject([
      {
        code: 'missing-calls',
        severity: 'error',
        count: 1,
        boundary: { from: 'gateway', missing: 'span' },
        message: 'gateway: 2 calls made, 1 exported under GET /questions',
      },
    ]);
    expect(told([server('gateway', '/', { attributes: calls(1) })])).toEqual([
      'missing-calls: gateway: 1 call made, 0 exported under GET /',
    ]);
  });

  describe('says nothing of', () => {
    it('a receipt that is met, by calls at any depth', () => {
      const inner = span('gateway', 'answer', { under: question, at: 20 });
      expect(told([question, ask, inner, producer('gateway', 'desk.tasks', { under: inner, at: 21 })])).toEqual([]);
    });

    it('calls of others: databases and models beside', () => {
      const more = [
        client('gateway', '/', { under: question, at: 60, attributes: { 'db.system': 'redis' } }),
        client('gateway', '/chat', { under: question, at: 70, attributes: { 'gen_ai.operation.name': 'chat' } }),
      ];
      expect(told([question, ask, client('gateway', '/b', { under: question, at: 80 }), ...more])).toEqual([]);
    });

    it('calls of the next hop, which has a receipt of its own', () => {
      const one = server('gateway', '/questions', { lasts: 500, attributes: calls(1) });
      const sole = client('gateway', '/plan', { under: one, at: 10, lasts: 50 });
      const plan = server('planner', '/plan', { under: sole, at: 20, lasts: 30, attributes: calls(1) });
      expect(told([one, sole, plan, client('planner', '/search', { under: plan, at: 25 })])).toEqual([]);
    });

    it('spans of another tracer, without a receipt', () => {
      expect(told([server('gateway', '/questions')])).toEqual([]);
    });
  });
});
