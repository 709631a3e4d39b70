import { describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../src/index.ts';
import { client, found, server, span, told } from './spans.ts';

const turn = span('gateway', 'agent turn', { lasts: 5000 });
const failed = { status: { code: 'ERROR' } } as const;

/** So many calls one after the other, each with who answers it. */
function calls(count: number, path: (nth: number) => string, more: Partial<CollectedSpan> = {}): CollectedSpan[] {
  return Array.from({ length: count }, (_, nth) => {
    const call = client('gateway', path(nth), { under: turn, at: nth * 100, more });
    return [call, server('library', path(nth), { under: call, at: nth * 100 + 2, lasts: 5 })];
  }).flat();
}

describe('cascade', () => {
  it('names the boundary, how often and how long, where most fail', () => {
    expect(found([turn, ...calls(10, () => '/search?q=a', failed)])).toMatchObject([
      {
        code: 'cascade',
        severity: 'error',
        count: 1,
        boundary: { from: 'gateway', to: 'library', transport: 'http', over: '/search' },
        message:
          'gateway → library over http /search: the same call 10 times under one span, 10 of them failed, 910 ms in all',
      },
    ]);
  });

  it('is found of calls that come out well too, where they are many', () => {
    expect(found([turn, ...calls(25, () => '/search?q=a')])).toMatchObject([{ code: 'cascade' }]);
  });

  it('is found of a tool with the same arguments', () => {
    const call = (nth: number): CollectedSpan =>
      span('gateway', 'tools/call search', {
        under: turn,
        at: nth * 10,
        attributes: {
          'mcp.method.name': 'tools/call',
          'gen_ai.tool.name': 'search',
          'gen_ai.tool.call.arguments': '{"q":"a"}',
          'error.type': 'tool_error',
        },
        more: { kind: 'CLIENT' },
      });
    expect(found([turn, ...Array.from({ length: 12 }, (_, nth) => call(nth))])).toMatchObject([
      { code: 'cascade', boundary: { from: 'gateway', transport: 'mcp', over: 'search' } },
    ]);
  });

  describe('says nothing of', () => {
    it('retries that end', () => {
      expect(told([turn, ...calls(3, () => '/search?q=a', failed)])).toEqual([]);
      expect(told([turn, ...calls(9, () => '/search?q=a', failed)])).toEqual([]);
    });

    it('a fan-out: different arguments, or a different query', () => {
      expect(told([turn, ...calls(40, (nth) => `/search?q=${nth}`)])).toEqual([]);
      expect(told([turn, ...calls(40, (nth) => `/pages/${nth}`, failed)])).toEqual([]);
    });

    it('a poll with an end', () => {
      expect(told([turn, ...calls(20, () => '/jobs/1')])).toEqual([]);
    });

    it('the same call in different requests', () => {
      const requests = Array.from({ length: 40 }, (_, nth) => {
        const question = server('gateway', '/questions', { at: nth * 100 });
        return [question, client('gateway', '/search', { under: question, at: nth * 100, more: failed })];
      });
      expect(told(requests.flat())).toEqual([]);
    });

    it('a tool whose arguments are not recorded', () => {
      const attributes = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'search' };
      const asks = Array.from({ length: 40 }, (_, nth) =>
        span('gateway', 'tools/call search', { under: turn, at: nth, attributes, more: { kind: 'CLIENT', ...failed } }),
      );
      expect(told([turn, ...asks])).toEqual([]);
    });

    it('calls of a schedule: each is a root of its own', () => {
      const ticks = Array.from({ length: 40 }, (_, nth) => client('worker', '/search', { at: nth * 1000 }));
      expect(told(ticks)).toEqual([]);
    });
  });
});
