import { describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../src/index.ts';
import { client, consumer, found, producer, server, span, told } from './spans.ts';

/** A request and its call, a second after the one before. */
function request(nth: number): readonly [CollectedSpan, CollectedSpan] {
  const question = server('gateway', '/questions', { at: nth * 1000, lasts: 200 });
  return [question, client('gateway', '/plan', { under: question, at: nth * 1000 + 10, lasts: 100 })];
}

const requests = [0, 1, 2].map(request);
const [[, first] = []] = requests;
const plan = (under: CollectedSpan | undefined, nth: number, more: Partial<CollectedSpan> = {}): CollectedSpan =>
  server('planner', '/plan', {
    ...(under === undefined ? undefined : { under }),
    at: nth * 1000 + 20,
    lasts: 50,
    more,
  });

describe('wrong-parent', () => {
  it('names the boundary at which an old context was sent', () => {
    const spans = [...requests.flat(), plan(first, 0), plan(first, 1), plan(first, 2)];
    expect(found(spans)).toMatchObject([
      {
        code: 'wrong-parent',
        severity: 'error',
        count: 2,
        boundary: { from: 'gateway', to: 'planner', transport: 'http', over: '/plan', missing: 'context' },
        message:
          'gateway → planner over http /plan: planner hangs from a span that was over, 2 times, while a later call of gateway was waiting for it; gateway sent the context of an earlier call, or planner kept it',
      },
    ]);
  });

  it('takes a context that is kept for long for no clock that is wrong', () => {
    const many = Array.from({ length: 12 }, (_, nth) => request(nth * 3));
    const [[, kept] = []] = many;
    expect(found([...many.flat(), ...many.map((_, nth) => plan(kept, nth * 3))])).toMatchObject([
      { code: 'wrong-parent', count: 11 },
    ]);
  });

  it('is found below any span that was over', () => {
    const boot = span('gateway', 'boot', { at: -100, lasts: 10 });
    const spans = [boot, ...requests.flat(), ...[0, 1, 2].map((nth) => plan(boot, nth))];
    expect(found(spans)).toMatchObject([
      { code: 'wrong-parent', count: 3, boundary: { from: 'gateway', to: 'planner' } },
    ]);
  });

  describe('says nothing of', () => {
    it('arrivals of their own calls', () => {
      expect(told([...requests.flat(), ...requests.map(([, ask], nth) => plan(ask, nth))])).toEqual([]);
    });

    it('an arrival that came late while nobody else was waiting: a caller that gave up', () => {
      const [[question, ask] = []] = requests;
      expect(told([question, ask, plan(ask, 3)].flatMap((one) => one ?? []))).toEqual([]);
    });

    it('messages that are handled long after they were sent', () => {
      const sends = [0, 1000].map((at) => producer('gateway', 'desk.tasks', { at, lasts: 5 }));
      const work = sends.map((send, nth) => consumer('analyst', 'desk.tasks', { under: send, at: 5000 + nth }));
      expect(told([...sends, ...work])).toEqual([]);
    });

    it('fan-out, fire and forget: several arrivals of one span that is over, and nobody waits', () => {
      const [[question, ask] = []] = requests;
      const late = [1, 2, 3].map((nth) => plan(ask, nth));
      expect(told([...[question, ask].flatMap((one) => one ?? []), ...late])).toEqual([]);
    });

    it('a planner whose clock is wrong', () => {
      const by = 90_000_000_000n;
      const spans = requests.map(([, ask], nth) => plan(ask, nth));
      const skewed = spans.map((one) => ({
        ...one,
        startTimeUnixNano: one.startTimeUnixNano + by,
        endTimeUnixNano: one.endTimeUnixNano + by,
      }));
      expect(told([...requests.flat(), ...skewed])).toEqual([]);
    });

    it('a later call of the same kind that a third party answers', () => {
      const abroad = client('gateway', '/plan', {
        at: 2010,
        lasts: 100,
        attributes: { 'url.full': 'http://api:9000/plan' },
      });
      const [[question, ask] = []] = requests;
      const own = { 'server.port': 80 };
      const late = server('planner', '/plan', {
        ...(ask === undefined ? {} : { under: ask }),
        at: 2020,
        attributes: own,
      });
      expect(told([question, ask, abroad, late].flatMap((one) => one ?? []))).toEqual([]);
    });
  });
});
