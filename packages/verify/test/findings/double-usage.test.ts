import { describe, expect, it } from 'vitest';
import { client, found, server, span, told } from './spans.ts';

const usage = { 'gen_ai.usage.input_tokens': 812, 'gen_ai.usage.output_tokens': 64 };
const chat = { 'gen_ai.operation.name': 'chat', ...usage };
const turn = span('analyst', 'invoke_agent analyst', { lasts: 500, attributes: usage });

describe('double-usage', () => {
  it('names both spans', () => {
    const call = client('analyst', '/chat', { under: turn, at: 10, attributes: chat });
    expect(found([turn, call])).toMatchObject([
      {
        code: 'double-usage',
        severity: 'warning',
        count: 1,
        boundary: { to: 'analyst' },
        message:
          'analyst counts tokens on invoke_agent analyst and on GET below it, once: a sum over spans counts them twice',
      },
    ]);
  });

  it('is found through spans that count nothing, and in the old names', () => {
    const inner = span('analyst', 'think', { under: turn, at: 5 });
    const call = client('analyst', '/chat', {
      under: inner,
      at: 10,
      attributes: { 'gen_ai.usage.prompt_tokens': '812' },
    });
    expect(found([turn, inner, call])).toMatchObject([{ code: 'double-usage' }]);
  });

  describe('says nothing of', () => {
    it('several calls below a turn that counts nothing', () => {
      const plain = span('analyst', 'invoke_agent analyst', { lasts: 500 });
      const calls = [10, 50].map((at) => client('analyst', '/chat', { under: plain, at, attributes: chat }));
      expect(told([plain, ...calls])).toEqual([]);
    });

    it('two services that count their own', () => {
      const ask = client('analyst', '/plan', { under: turn, at: 10, lasts: 50 });
      const plan = server('planner', '/plan', { under: ask, at: 20, lasts: 30, attributes: usage });
      expect(told([turn, ask, plan])).toEqual([]);
    });

    it('a turn that counts alone', () => {
      expect(told([turn])).toEqual([]);
    });
  });
});
