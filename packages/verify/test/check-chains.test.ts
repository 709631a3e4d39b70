import { describe, expect, it } from 'vitest';
import { checkChains, contractOf, parseOtlpJson, readContract } from '../src/index.ts';
import type { ChainFinding, CollectedSpan } from '../src/index.ts';

const trace = 'a'.repeat(32);
let made = 0;

/** A span that is as plain as can be. */
function span(service: string, more: Partial<CollectedSpan> = {}): CollectedSpan {
  return {
    traceId: trace,
    spanId: (++made).toString(16).padStart(16, '0'),
    name: 'work',
    kind: 'INTERNAL',
    service,
    startTimeUnixNano: 1_000_000_000n,
    endTimeUnixNano: 2_000_000_000n,
    attributes: {},
    links: [],
    events: [],
    status: { code: 'UNSET' },
    scope: { name: 'test' },
    resource: {},
    ...more,
  };
}

const codes = (spans: readonly CollectedSpan[], severity: ChainFinding['severity'] = 'error'): string[] =>
  checkChains(spans)
    .findings.filter((finding) => finding.severity === severity)
    .map(({ code }) => code);

describe('checkChains()', () => {
  it('says of nothing that it is empty, and of one trace how many it expects', () => {
    expect(checkChains([])).toMatchObject({ verdict: 'empty', findings: [], chains: 0 });
    const two = [span('a'), span('a', { traceId: 'b'.repeat(32) })];
    expect(checkChains(two)).toMatchObject({ verdict: 'sound', chains: 2, traces: 2 });
    expect(checkChains(two, { expect: 'one-trace' })).toMatchObject({
      verdict: 'broken',
      findings: [{ code: 'several-traces' }],
    });
  });

  it('is plain data that can be written as JSON', () => {
    const report = checkChains([span('a', { parentSpanId: 'f'.repeat(16), parentIsRemote: false })]);
    expect(report.verdict).toBe('broken');
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('is incomplete where the collector refused something', () => {
    const source = { spans: () => [span('a')], rejected: () => 2, refused: () => 1 };
    expect(checkChains(source)).toMatchObject({ verdict: 'incomplete', findings: [{ code: 'incomplete-capture' }] });
  });

  it('prints nothing of a span as it came', () => {
    const [finding] = checkChains([
      span('a\u001b[31m', { name: 'evil\u202e', parentSpanId: 'f'.repeat(16), parentIsRemote: false }),
    ]).findings;
    expect(finding?.message).toContain('\\u{1b}');
    for (const hidden of ['\u001b', '\u202e']) expect(finding?.message).not.toContain(hidden);
  });

  it('counts what joins traces by links as one chain', () => {
    const a = span('a');
    const b = span('b', { traceId: 'b'.repeat(32), links: [{ traceId: a.traceId, spanId: a.spanId, attributes: {} }] });
    expect(checkChains([a, b])).toMatchObject({ chains: 1, traces: 2 });
  });

  it('finds calls that were made and not exported', () => {
    const server = span('a', { kind: 'SERVER', attributes: { 'throughline.calls': 2 } });
    const call = span('a', { kind: 'CLIENT', parentSpanId: server.spanId });
    expect(codes([server, call])).toEqual(['missing-calls']);
    expect(codes([server, call, span('a', { kind: 'CLIENT', parentSpanId: server.spanId })])).toEqual([]);
  });

  it('warns of tokens that are counted twice', () => {
    const usage = { 'gen_ai.usage.input_tokens': 20 };
    const turn = span('a', { name: 'invoke_agent', attributes: usage });
    const chat = span('a', { name: 'chat', parentSpanId: turn.spanId, attributes: usage });
    expect(codes([turn, chat], 'warning')).toEqual(['double-usage']);
    expect(codes([span('a'), chat], 'warning')).toEqual([]);
  });

  it('warns of circles and of limits that the lineage tells', () => {
    const exceeded = {
      name: 'throughline.lineage.exceeded',
      timeUnixNano: 1n,
      attributes: { 'throughline.lineage.reason': 'hops' },
    };
    const first = span('a', { attributes: { 'throughline.lineage.cycle': true } });
    const spans = [first, span('a', { parentSpanId: first.spanId, events: [exceeded] })];
    expect(codes(spans, 'warning')).toEqual(['cycle', 'too-deep']);
    expect(codes(spans)).toEqual([]);
  });

  it('finds parents that lead back to themselves, and ends', () => {
    const [a, b] = [span('a'), span('a')];
    expect(
      codes([
        { ...a, parentSpanId: b.spanId },
        { ...b, parentSpanId: a.spanId },
      ]),
    ).toEqual(['parent-loop']);
    expect(codes([{ ...a, parentSpanId: a.spanId }])).toEqual(['parent-loop']);
  });

  it('takes two ends of a hop that share one id, as Zipkin has them', () => {
    const client = span('a', { kind: 'CLIENT' });
    const server = span('b', { kind: 'SERVER', spanId: client.spanId, parentIsRemote: true });
    expect(checkChains([client, server])).toMatchObject({ verdict: 'sound', chains: 1 });
  });

  it('holds a capture to a contract, which a good run writes', () => {
    const client = span('a', { kind: 'CLIENT' });
    const server = span('b', {
      kind: 'SERVER',
      parentSpanId: client.spanId,
      attributes: { 'url.path': '/plan', 'http.request.method': 'GET' },
    });
    const spans = [client, server];
    const report = checkChains(spans);
    expect(report.hops).toEqual([{ from: 'a', to: 'b', transport: 'http', over: '/plan', count: 1 }]);
    const contract = contractOf(report);
    expect(contract).toEqual({
      services: ['a', 'b'],
      hops: [{ from: 'a', to: 'b', transport: 'http', over: '/plan' }],
    });
    expect(checkChains(spans, { contract: { ...contract, only: true } }).findings).toEqual([]);
    const broken = [
      { hops: [{ from: 'b', to: 'a' }] },
      { hops: [{ from: 'a', to: 'b', min: 2 }] },
      { hops: [{ from: 'a', to: 'b', max: 0 }] },
      { hops: [{ from: 'a', to: 'b', over: '/other' }] },
      { hops: [], only: true },
    ];
    for (const one of broken) {
      const { verdict, findings } = checkChains(spans, { contract: readContract(one) });
      expect([verdict, findings.map(({ code }) => code)]).toEqual(['broken', ['contract']]);
    }
  });

  it.each([
    [7, 'a contract is an object'],
    [{ hop: [] }, 'has no `hop`'],
    [{ services: 'a' }, '`services` of a contract is a list'],
    [{ hops: {} }, '`hops` of a contract is a list'],
    [{ hops: [{ from: 'a' }] }, 'hops[0] of a contract names two services'],
    [{ hops: [{ from: 'a', to: 'b', min: -1 }] }, '`min` of hops[0] is a whole number'],
    [{ hops: [{ from: 'a', to: 'b', over: 7 }] }, '`over` of hops[0] is text'],
    [{ only: 1 }, '`only` of a contract is true or false'],
  ])('says what is wrong with the contract %j', (contract, message) => {
    expect(() => readContract(contract)).toThrow(message);
  });

  it('finds a lost context in the old names of the conventions, and takes no port of a caller for one of a server', () => {
    const client = span('a', {
      kind: 'CLIENT',
      attributes: { 'http.method': 'GET', 'http.url': 'http://planner:7102/plan', 'net.peer.port': '7102' },
    });
    const server = (more: object): CollectedSpan =>
      span('b', {
        traceId: 'b'.repeat(32),
        kind: 'SERVER',
        attributes: { 'http.method': 'GET', 'http.target': '/plan?q=a', 'net.peer.port': 51234, ...more },
      });
    expect(codes([client, server({})])).toEqual(['lost-context']);
    expect(codes([client, server({ 'http.host': 'planner:7102' })])).toEqual(['lost-context']);
    expect(codes([client, server({ 'http.host': 'planner:7103' })])).toEqual([]);
  });

  it('finds every message that was lost of those that one span sent', () => {
    const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': 'desk.tasks' };
    const sender = span('planner', { kind: 'PRODUCER', attributes });
    const receiver = (traceId: string): CollectedSpan => span('analyst', { kind: 'CONSUMER', traceId, attributes });
    const lost = ['b', 'c', 'd'].map((digit) => receiver(digit.repeat(32)));
    expect(checkChains([sender, ...lost]).findings).toMatchObject([
      { code: 'lost-context', count: 3, boundary: { from: 'planner', to: 'analyst', over: 'desk.tasks' } },
    ]);
  });

  it('judges what a parser found in anything', () => {
    for (const text of ['', '{}', '[]', 'null', '{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}']) {
      expect(checkChains(parseOtlpJson(text).spans).verdict).toBe('empty');
    }
  });
});
