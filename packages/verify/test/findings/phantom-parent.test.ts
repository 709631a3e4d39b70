import { describe, expect, it } from 'vitest';
import { client, consumer, found, producer, server, told } from './spans.ts';

const question = server('gateway', '/questions', { lasts: 500 });
const ask = client('gateway', '/plan', { under: question, at: 10, lasts: 100 });
const plan = server('planner', '/plan', { under: ask, at: 20, lasts: 80 });
const look = client('planner', '/search', { under: plan, at: 30, lasts: 30 });
const search = server('library', '/search', { under: look, at: 35, lasts: 20 });

describe('phantom-parent', () => {
  it('names who received, where the service between is dead', () => {
    expect(found([question, ask, search], { services: ['gateway', 'planner', 'library'] })).toMatchObject([
      {
        code: 'phantom-parent',
        severity: 'error',
        count: 1,
        boundary: { to: 'library', transport: 'http', over: '/search', missing: 'parent' },
        message:
          'an unknown service → library over http /search: library names a parent that nobody exported, once; nothing came from planner',
      },
    ]);
  });

  it('names both, where somebody in the capture sent to that place', () => {
    const relayed = { ...plan, traceId: 'f'.repeat(32), parentSpanId: 'e'.repeat(16) };
    expect(found([question, ask, relayed])).toMatchObject([
      { code: 'phantom-parent', boundary: { from: 'gateway', to: 'planner', over: '/plan', missing: 'parent' } },
    ]);
  });

  it('is found of a message too', () => {
    const send = producer('planner', 'desk.tasks', { under: plan, at: 30 });
    const work = consumer('analyst', 'desk.tasks', { under: send, at: 60 });
    expect(told([question, ask, plan, work])).toEqual([
      'phantom-parent: an unknown service → analyst over kafka desk.tasks: analyst names a parent that nobody exported, once',
    ]);
  });

  it('is found beside a link to what carried it in its own process', () => {
    const post = server('library', '/mcp', { at: 34, lasts: 30 });
    const call = server('library', '/search', { under: look, at: 35, links: [post] });
    expect(found([post, question, ask, call])).toMatchObject([{ code: 'phantom-parent', boundary: { to: 'library' } }]);
  });

  describe('says nothing of', () => {
    it('a caller outside of the capture, whose trace did not begin in here', () => {
      expect(told([plan, look, search])).toEqual([]);
      expect(told([plan, look, search], { services: ['planner', 'library'] })).toEqual([]);
    });

    it('a caller outside of the capture beside requests of our own', () => {
      const other = server('gateway', '/questions', { at: 700 });
      expect(told([plan, look, search, other])).toEqual([]);
    });

    it('a message of the outside', () => {
      const send = producer('stranger', 'desk.tasks');
      expect(told([consumer('analyst', 'desk.tasks', { under: send, at: 50 })])).toEqual([]);
    });

    it('a message of a trace from outside whose sender it also links to, which is there', () => {
      const send = producer('planner', 'desk.tasks', { under: plan, at: 30 });
      const work = consumer('analyst', 'desk.tasks', { under: ask, at: 50, links: [send] });
      expect(
        told([question, ask, plan, send, { ...work, traceId: 'f'.repeat(32), parentSpanId: 'e'.repeat(16) }]),
      ).toEqual([]);
    });

    it('a trace in which nobody but this service recorded anything', () => {
      expect(told([search])).toEqual([]);
    });
  });
});
