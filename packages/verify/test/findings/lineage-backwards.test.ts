import { describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../src/index.ts';
import { client, consumer, found, producer, server, told } from './spans.ts';

const hops = (count: number) => ({ 'throughline.lineage.hops': count });
const critic = server('critic', '/plan', { lasts: 100, attributes: hops(3) });
const ask = client('critic', '/search', { under: critic, at: 10, lasts: 50 });
const search = (count: number): CollectedSpan =>
  server('library', '/search', { under: ask, at: 20, attributes: hops(count) });

describe('lineage-backwards', () => {
  it('names the boundary, and both counts', () => {
    expect(found([critic, ask, search(2)])).toMatchObject([
      {
        code: 'lineage-backwards',
        severity: 'warning',
        count: 1,
        boundary: { from: 'critic', to: 'library', transport: 'http', over: '/search', missing: 'lineage' },
        message:
          'critic → library over http /search: the chain was 3 hops long, and here it counts 2, once: its baggage was lost in between, and its limits start over',
      },
    ]);
  });

  it('is found past hops that do not count', () => {
    const plain = server('library', '/search', { under: ask, at: 20, lasts: 30 });
    const next = client('library', '/index', { under: plain, at: 25, lasts: 20 });
    const index = server('index', '/index', { under: next, at: 30, attributes: hops(2) });
    expect(found([critic, ask, plain, next, index])).toMatchObject([{ boundary: { from: 'library', to: 'index' } }]);
  });

  describe('says nothing of', () => {
    it('a count that goes up, or stays within one process', () => {
      expect(told([critic, ask, search(4)])).toEqual([]);
      expect(told([critic, ask, search(3)])).toEqual([]);
    });

    it('a reply, which takes the step of its question back', () => {
      const task = consumer('analyst', 'tasks', { attributes: hops(3) });
      const reply = producer('analyst', 'results', { under: task, at: 5 });
      expect(
        told([task, reply, consumer('planner', 'results', { under: reply, at: 20, attributes: hops(2) })]),
      ).toEqual([]);
    });

    it('a restart with a link', () => {
      const fresh = server('library', '/search', { at: 20, links: [ask], attributes: hops(2) });
      expect(told([critic, ask, fresh])).toEqual([]);
    });

    it('hops that do not count', () => {
      expect(told([critic, ask, server('library', '/search', { under: ask, at: 20 })])).toEqual([]);
    });
  });
});
