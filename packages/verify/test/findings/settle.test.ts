import { describe, expect, it } from 'vitest';
import { checkChains } from '../../src/index.ts';
import { client, consumer, producer, server, span, told } from './spans.ts';

const question = server('gateway', '/questions', { lasts: 500 });
const answer = span('gateway', 'answer', { under: question, at: 5, lasts: 300 });
const ask = client('gateway', '/plan', { under: answer, at: 10, lasts: 100 });
const plan = server('planner', '/plan', { under: ask, at: 20, lasts: 50 });
const send = producer('planner', 'desk.tasks', { under: plan, at: 30 });
const linked = consumer('analyst', 'desk.tasks', { at: 60, links: [send] });

describe('settleMs: spans that are on their way', () => {
  const early = server('gateway', '/questions', { at: -5000 });

  it.each([
    ['the parent of a call', 'orphan', [question, ask, plan]],
    ['who sent a request', 'phantom-parent', [question, answer, plan]],
    ['a call that was made', 'missing-calls', [server('gateway', '/', { attributes: { 'throughline.calls': 1 } })]],
  ])('are not said to be missing: %s', (_, code, spans) => {
    expect(told([early, ...spans])).toEqual([expect.stringMatching(`^${code}: `)]);
    expect(told([early, ...spans], { settleMs: 2000 })).toEqual([]);
  });

  it('are not said to be missing: who sent a message, of whom something else is there', () => {
    const services = ['planner', 'analyst', 'auditor'];
    const codes = (settleMs: number): string[] =>
      checkChains([early, linked, span('planner', 'boot', { at: -5000 })], { services, settleMs }).findings.map(
        ({ code }) => code,
      );
    expect(codes(0)).toEqual(['missing-link-target']);
    // The auditor has sent nothing at all.
    expect(codes(2000)).toEqual(['silent-service']);
  });

  it('are what ended less than so long before the last one', () => {
    const last = server('gateway', '/questions', { at: 10_000, lasts: 0 });
    // The call ended 9,890 ms before.
    expect(told([question, ask, plan, last], { settleMs: 9885 })).toHaveLength(1);
    expect(told([question, ask, plan, last], { settleMs: 9895 })).toEqual([]);
  });

  it('does not hide what was lost', () => {
    const root = server('planner', '/plan', { at: 20 });
    expect(told([question, answer, ask, root], { settleMs: 60_000 })).toHaveLength(1);
  });

  it.each([-1, Number.NaN, '5000' as unknown as number])('is no %s', (settleMs) => {
    expect(() => checkChains([question], { settleMs })).toThrow('`settleMs` is a number of milliseconds');
  });
});
