import { describe, expect, it } from 'vitest';
import { consumer, found, producer, server, span, told } from './spans.ts';

const question = server('gateway', '/questions', { lasts: 500 });
const send = producer('gateway', 'desk.tasks', { under: question, at: 10 });
const work = consumer('analyst', 'desk.tasks', { at: 40, links: [send] });

describe('missing-link-target', () => {
  it('names who is silent', () => {
    expect(found([work], { services: ['gateway', 'analyst'] })).toMatchObject([
      {
        code: 'missing-link-target',
        severity: 'error',
        count: 1,
        boundary: { to: 'analyst', transport: 'kafka', over: 'desk.tasks', missing: 'link target' },
        message:
          'an unknown service → analyst over kafka desk.tasks: analyst links to a span that nobody exported, once; nothing came from gateway',
      },
    ]);
  });

  it('names who sent, where somebody in the capture did', () => {
    const other = producer('gateway', 'desk.tasks', { under: question, at: 12 });
    expect(found([question, other, work])).toMatchObject([
      { code: 'missing-link-target', boundary: { from: 'gateway', to: 'analyst', over: 'desk.tasks' } },
    ]);
  });

  describe('says nothing of', () => {
    it('a producer of the outside', () => {
      expect(told([work])).toEqual([]);
      expect(told([work, server('planner', '/plan')], { services: ['analyst', 'planner'] })).toEqual([]);
    });

    it('links of which one is there', () => {
      const gone = producer('gateway', 'desk.tasks', { at: 5 });
      expect(told([question, send, consumer('analyst', 'desk.tasks', { at: 40, links: [gone, send] })])).toEqual([]);
    });

    it('a link of an inner span', () => {
      const gone = span('gateway', 'earlier');
      expect(told([question, span('gateway', 'answer', { under: question, links: [gone] })])).toEqual([]);
    });

    it('a restart with a link whose target is there, in another trace', () => {
      expect(told([question, send, work])).toEqual([]);
    });
  });
});
