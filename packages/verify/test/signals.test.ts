import { Readable } from 'node:stream';
import { describe, expect, it, test } from 'vitest';
import fc from 'fast-check';
import { ChainChecker, checkChains, formatOtlpJson, readContract } from '../src/index.ts';
import type { ChainContract, CollectedSpan, SpanAttributes } from '../src/index.ts';
import { found, server, span, told } from './findings/spans.ts';
import type { Special } from './findings/spans.ts';

const says = (...kinds: unknown[]): Partial<CollectedSpan> => ({
  events: kinds.map((kind) => ({
    name: 'throughline.signal',
    timeUnixNano: 1n,
    attributes: { 'throughline.signal.kind': kind } as SpanAttributes,
  })),
});
const has = (kinds: unknown): SpanAttributes => ({ 'throughline.signals': kinds }) as SpanAttributes;

const request = server('desk', '/questions', { lasts: 500 });
const turn = span('desk', 'invoke_agent planner', {
  under: request,
  attributes: { 'gen_ai.agent.name': 'planner' },
  more: says('required_tool_skipped'),
});
const inTurn = (name: string, special: Special): CollectedSpan => span('desk', name, { under: turn, ...special });

describe('signals', () => {
  it('are told by kind and by who acted, each once for a span', () => {
    const both = {
      ...inTurn('chat', { more: says('answer_cut_off') }),
      attributes: has(['answer_cut_off', 'filtered']),
    };
    const twice = inTurn('chat', { more: says('answer_cut_off', 'answer_cut_off') });
    const elsewhere = span('library', 'retrieve', { more: says('empty_retrieval') });
    expect(checkChains([request, turn, both, twice, elsewhere]).signals).toEqual([
      { kind: 'required_tool_skipped', service: 'desk', agent: 'planner', count: 1 },
      { kind: 'answer_cut_off', service: 'desk', agent: 'planner', count: 2 },
      { kind: 'filtered', service: 'desk', agent: 'planner', count: 1 },
      { kind: 'empty_retrieval', service: 'library', count: 1 },
    ]);
  });

  it('are read of a list that a back end made text, and of spans that come as OTLP', async () => {
    const spans = [
      inTurn('one', { attributes: has('["answer_cut_off","filtered"]') }),
      inTurn('two', { attributes: has('answer_cut_off, filtered') }),
      inTurn('three', { attributes: has(['filtered']), more: says('empty_retrieval') }),
    ];
    const named = [request, turn, ...spans].map((one) => ({ ...one, resource: { 'service.name': one.service } }));
    const { signals } = checkChains(named);
    expect(signals.map(({ kind, count }) => [kind, count])).toEqual([
      ['required_tool_skipped', 1],
      ['answer_cut_off', 2],
      ['filtered', 3],
      ['empty_retrieval', 1],
    ]);
    const checker = new ChainChecker();
    await checker.read(Readable.from([formatOtlpJson(named)]));
    expect(checker.report().signals).toEqual(signals);
  });

  it('that are none are nothing, whatever they are', () => {
    const broken = inTurn('chat', {
      attributes: has('[not JSON'),
      more: { ...says(7, '', null, undefined), status: { code: 'UNSET' } },
    });
    expect(checkChains([request, broken]).signals).toEqual([]);
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (attribute, kind) => {
        const odd = { ...inTurn('chat', { more: says(kind) }), attributes: has(attribute) };
        for (const signal of checkChains([request, odd]).signals) expect(signal.kind.length).toBeLessThanOrEqual(100);
      }),
    );
  });
});

describe('a contract', () => {
  const cut = inTurn('chat gpt-9', { more: says('answer_cut_off') });
  const spans = [request, turn, cut, inTurn('chat', { more: says('answer_cut_off') })];

  it('forbids signals of any agent, of one, and of one service, and names the place', () => {
    const message =
      'planner of desk: the contract forbids the signal answer_cut_off, and it came 2 times, on chat gpt-9';
    for (const forbid of [
      ['answer_cut_off'],
      [{ kind: 'answer_cut_off', agent: 'planner' }],
      [{ kind: 'answer_cut_off', service: 'desk', agent: 'planner' }, 'never_seen'],
    ]) {
      expect(found(spans, { contract: { signals: { forbid } } })).toEqual([
        {
          code: 'contract',
          severity: 'error',
          message,
          boundary: { to: 'desk' },
          spans: spans.slice(2).map(({ traceId, spanId }) => ({ traceId, spanId })),
          count: 2,
        },
      ]);
    }
    const contract = { signals: { forbid: ['answer_cut_off'] } };
    expect(checkChains(spans, { contract }).verdict).toBe('broken');
  });

  it('asks for signals', () => {
    const require = ['contradicts_earlier_step', { kind: 'answer_cut_off', agent: 'critic' }, 'answer_cut_off'];
    expect(told(spans, { contract: { signals: { require } } })).toEqual([
      'contract: the contract asks for the signal contradicts_earlier_step, and no span has it',
      'contract: critic: the contract asks for the signal answer_cut_off, and no span has it',
    ]);
  });

  it('says nothing of signals of others, or that it does not name', () => {
    const forbid = [
      'empty_retrieval',
      { kind: 'answer_cut_off', agent: 'critic' },
      { kind: 'answer_cut_off', service: 'library' },
    ];
    expect(told(spans, { contract: { signals: { forbid, require: ['answer_cut_off'] } } })).toEqual([]);
    expect(told(spans)).toEqual([]);
  });

  it('does not keep it quiet that a service is silent', () => {
    const contract = { services: ['desk', 'library'], signals: { forbid: ['answer_cut_off'] } };
    expect(found(spans, { contract }).map(({ code }) => code)).toEqual(
      found(spans, { contract: { services: ['desk', 'library'] } })
        .map(({ code }) => code)
        .concat('contract'),
    );
  });

  test.each([
    ['x', /`signals` of a contract is an object/],
    [{ allow: [] }, /`signals` of a contract has no `allow`: it takes forbid, require/],
    [{ forbid: 'answer_cut_off' }, /`signals.forbid` of a contract is a list of kinds, such as \[answer_cut_off\]/],
    [
      { require: [7] },
      /signals.require\[0\] of a contract is a kind, such as answer_cut_off, or \{ kind, agent, service \}/,
    ],
    [{ require: ['ok', ''] }, /signals.require\[1\] of a contract is a kind/],
    [{ forbid: [{ agent: 'planner' }] }, /signals.forbid\[0\] of a contract is a kind/],
    [
      { forbid: [{ kind: 'x', agents: 'planner' }] },
      /signals.forbid\[0\] has no `agents`: it takes kind, agent, service/,
    ],
    [{ forbid: [{ kind: 'x', agent: 7 }] }, /`agent` of signals.forbid\[0\] is text/],
  ])('with signals %j is none, and says why', (signals, message) => {
    expect(() => readContract({ signals })).toThrow(message);
  });

  it('comes back as it was read', () => {
    const contract: ChainContract = { signals: { forbid: ['a', { kind: 'b', agent: 'c' }], require: [] } };
    expect(readContract(JSON.parse(JSON.stringify(contract)))).toEqual(contract);
  });
});
