import { describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../src/index.ts';
import { client, found, server, span, told } from './spans.ts';

const times = [0, 1000, 2100, 3050];
const requests = times.map((at) => server('gateway', '/ask', { at, lasts: 60 }));
/** A call of each request, `after` it began. */
const calls = (after: number, special: { under?: CollectedSpan } = {}): CollectedSpan[] =>
  times.map((at) => client('gateway', '/search', { ...special, at: at + after, lasts: 40 }));

describe('work of a request that nothing joins to it', () => {
  it('is lost context, where it always lies inside of one', () => {
    expect(found([...requests, ...calls(10)])).toMatchObject([
      {
        code: 'lost-context',
        severity: 'error',
        count: 4,
        boundary: { from: 'gateway', to: 'gateway', missing: 'context' },
        message:
          'gateway started GET as a root inside of a request of its own, 4 times, each time that there was one: the thread or queue that did it did not carry the context',
      },
    ]);
  });

  it('has the wrong parent, where it hangs from what was over', () => {
    const boot = span('gateway', 'boot', { at: -100 });
    expect(found([boot, ...requests, ...calls(10, { under: boot })])).toMatchObject([
      { code: 'wrong-parent', count: 4, boundary: { from: 'gateway', to: 'gateway' } },
    ]);
  });

  it('is lost on the way, where it is served elsewhere and under another path', () => {
    const asked = calls(10).map((call) => ({
      ...call,
      attributes: { 'http.request.method': 'GET', 'url.full': 'http://proxy:8080/api/search' },
    }));
    const served = times.map((at) =>
      server('library', '/search', { at: at + 15, lasts: 20, attributes: { 'server.port': 3000 } }),
    );
    expect(found([...asked, ...served])).toMatchObject([
      { code: 'lost-context', count: 4, boundary: { from: 'gateway', to: 'library', over: '/search' } },
    ]);
  });

  describe('says nothing of', () => {
    it('timers, some of which fall into a request', () => {
      const ticks = [10, 500, 1010, 1500, 2110].map((at) => client('gateway', '/search', { at, lasts: 20 }));
      expect(told([...requests, ...ticks])).toEqual([]);
    });

    it('work that is as often there as requests are', () => {
      const busy = times.map((at) => server('gateway', '/ask', { at, lasts: 950 }));
      expect(told([...busy, ...calls(500)])).toEqual([]);
    });

    it('roots that call nobody', () => {
      expect(told([...requests, ...times.map((at) => span('gateway', 'flush', { at: at + 10 }))])).toEqual([]);
    });

    it('a request that is passed on to who is not traced, while the next one comes', () => {
      const passed = times.map((at, nth) => {
        const request = server('gateway', '/search', { at, lasts: 900 });
        return [request, client('gateway', '/search', { under: request, at: at + 10 + nth, lasts: 1200 })];
      });
      expect(told(passed.flat())).toEqual([]);
    });
  });
});
