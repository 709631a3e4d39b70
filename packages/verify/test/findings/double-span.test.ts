import { describe, expect, it } from 'vitest';
import { client, consumer, found, producer, server, told } from './spans.ts';

const ask = client('gateway', '/plan', { lasts: 100 });
const plan = server('planner', '/plan', { under: ask, at: 10, lasts: 80 });
const again = server('planner', '/plan', { under: ask, at: 12, lasts: 60, more: { scope: { name: 'by-hand' } } });

describe('double-span', () => {
  it('names the boundary', () => {
    expect(found([ask, plan, again])).toMatchObject([
      {
        code: 'double-span',
        severity: 'error',
        count: 1,
        boundary: { from: 'gateway', to: 'planner', transport: 'http', over: '/plan' },
        message:
          'gateway → planner over http /plan: planner has two SERVER spans for one call, once: test and by-hand open one each',
      },
    ]);
  });

  it('names no instrumentation where the spans name none', () => {
    const unnamed = [ask, plan, again].map((span) => ({ ...span, scope: { name: '' } }));
    expect(told(unnamed)).toEqual([expect.stringContaining('once: two instrumentations open one each')]);
  });

  describe('says nothing of', () => {
    it('two tries below one call, which one instrumentation made', () => {
      expect(told([ask, plan, { ...again, scope: plan.scope }])).toEqual([]);
    });

    it('a SERVER span in a SERVER span', () => {
      expect(
        told([ask, plan, server('planner', '/plan', { under: plan, at: 12, more: { parentIsRemote: false } })]),
      ).toEqual([]);
    });

    it('two messages of one producer at once, by two instrumentations or not', () => {
      const send = producer('gateway', 'desk.tasks');
      const each = [1, 2].map((offset) =>
        consumer('analyst', 'desk.tasks', {
          under: send,
          at: 20,
          attributes: { 'messaging.kafka.offset': offset },
          more: { scope: { name: `scope ${offset}` } },
        }),
      );
      expect(told([send, ...each])).toEqual([]);
    });

    it('a redelivery, and several groups of consumers', () => {
      const send = producer('gateway', 'desk.tasks');
      const twice = [20, 25].map((at) => consumer('analyst', 'desk.tasks', { under: send, at, lasts: 50 }));
      const groups = ['analyst', 'auditor'].map((group) => consumer(group, 'desk.tasks', { under: send, at: 20 }));
      expect(told([send, ...twice])).toEqual([]);
      expect(told([send, ...groups])).toEqual([]);
    });

    it('a proxy that tried again, one after the other', () => {
      expect(
        told([
          ask,
          { ...plan, endTimeUnixNano: plan.startTimeUnixNano + 5_000_000n },
          server('planner', '/plan', { under: ask, at: 40 }),
        ]),
      ).toEqual([]);
    });

    it('a client that tried again below its span, before the first answer was out', () => {
      expect(told([ask, plan, server('planner', '/plan', { under: ask, at: 40, lasts: 30 })])).toEqual([]);
    });

    it('two services that one call reached', () => {
      expect(told([ask, plan, server('mirror', '/plan', { under: ask, at: 10 })])).toEqual([]);
    });

    it('calls that a fan-out makes, each with a span of its own', () => {
      const asks = ['/a', '/b', '/c'].map((path) => client('gateway', path, { lasts: 100 }));
      expect(
        told([...asks, ...asks.map((one, nth) => server('planner', '/abc'[nth * 1] ?? '', { under: one, at: 10 }))]),
      ).toEqual([]);
    });

    it('Zipkin, where both ends have one id', () => {
      const shared = { ...server('planner', '/plan', { at: 10 }), traceId: ask.traceId, spanId: ask.spanId };
      expect(told([ask, shared])).toEqual([]);
    });

    it('an export that came twice', () => {
      expect(told([ask, plan, plan, ask])).toEqual([]);
    });
  });
});
