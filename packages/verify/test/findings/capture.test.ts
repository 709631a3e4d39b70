import { describe, expect, it } from 'vitest';
import { checkChains } from '../../src/index.ts';
import { client, server, told } from './spans.ts';

const requests = [server('gateway', '/questions'), server('gateway', '/questions', { at: 500 })];

describe('several-traces', () => {
  it('says how many there are, where one was expected', () => {
    expect(told(requests, { expect: 'one-trace' })).toEqual([
      'several-traces: 2 traces were found where one was expected',
    ]);
  });

  it('says nothing of one, or where chains are expected', () => {
    expect(told(requests)).toEqual([]);
    const ask = client('gateway', '/plan', { lasts: 100 });
    expect(told([ask, server('planner', '/plan', { under: ask, at: 10 })], { expect: 'one-trace' })).toEqual([]);
  });
});

describe('incomplete-capture', () => {
  it('says how much is not there, and judges no more than that', () => {
    const report = checkChains({ spans: () => requests, rejected: () => 2, refused: () => 1 });
    expect(report).toMatchObject({
      verdict: 'incomplete',
      findings: [{ code: 'incomplete-capture', count: 3, message: '2 spans and 1 export came and could not be kept' }],
    });
  });

  it('says nothing of a collector that kept all', () => {
    expect(checkChains({ spans: () => requests, rejected: () => 0, refused: () => 0 }).verdict).toBe('sound');
  });
});
