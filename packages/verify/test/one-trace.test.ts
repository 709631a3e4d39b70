import { describe, expect, test } from 'vitest';
import {
  type CaptureSource,
  type ChainReport,
  type CollectedSpan,
  checkChains,
  renderTree,
  renderVerdict,
} from '../src/index.ts';
import { desk, deskWith, deskWithout, span, spanId } from './desk.ts';

const check = (source: CaptureSource | Iterable<CollectedSpan>): ChainReport =>
  checkChains(source, { expect: 'one-trace' });

function messages(spans: Iterable<CollectedSpan>): string[] {
  return check(spans).findings.map(({ code, message }) => `${code}: ${message}`);
}

describe('one whole trace', () => {
  test('is sound', () => {
    expect(check(desk())).toMatchObject({
      verdict: 'sound',
      traces: 1,
      services: ['analyst', 'gateway', 'library', 'planner'],
      spans: 9,
      findings: [],
    });
    expect(renderVerdict(check(desk()))).toBe('sound: 1 chain, 1 trace, 4 services, 9 spans');
  });

  test('is sound in whatever order the spans arrive, and when some arrive twice', () => {
    const report = check([...desk().reverse(), ...desk()]);
    expect([report.verdict, report.spans]).toEqual(['sound', 9]);
  });

  test('is judged without a change to what the caller owns', () => {
    const frozen = Object.freeze(desk().map((each) => Object.freeze(each)));
    expect(check(frozen).verdict).toBe('sound');
  });
});

test('no span at all is neither sound nor broken', () => {
  expect(renderVerdict(check([]))).toBe('empty: 0 chains, 0 traces, 0 services, 0 spans');
});

describe('a collector that refused something', () => {
  const capture = (spans: CollectedSpan[], rejected: number, refused: number): CaptureSource => ({
    spans: () => spans,
    rejected: () => rejected,
    refused: () => refused,
  });

  test('is judged as incomplete, whatever else is found, and says what it refused', () => {
    expect(renderVerdict(check(capture(desk(), 12, 1)))).toBe(
      'incomplete: 1 chain, 1 trace, 4 services, 9 spans\n- incomplete-capture: 12 spans and 1 export came and could not be kept',
    );
    const { verdict, findings } = check(capture(deskWithout(7), 0, 3));
    expect([verdict, findings.map(({ code }) => code)]).toEqual([
      'incomplete',
      ['incomplete-capture', 'phantom-parent', 'missing-calls'],
    ]);
    expect(findings[0]?.message).toBe('3 exports came and could not be kept');
    expect(check(capture([], 1, 0))).toMatchObject({ verdict: 'empty', findings: [{}] });
  });

  test('is judged by its spans where it refused none', () => {
    expect(check(capture(desk(), 0, 0)).verdict).toBe('sound');
    expect(check(capture(deskWithout(7), 0, 0)).verdict).toBe('broken');
  });
});

describe('receipts', () => {
  const inbound = { 'throughline.direction': 'inbound', 'throughline.transport': 'http' };
  const outbound = { 'throughline.direction': 'outbound', 'throughline.transport': 'http' };
  const calls = (made: number, exported: number): CollectedSpan[] => [
    span(1, undefined, { kind: 'SERVER', name: 'POST /', attributes: { ...inbound, 'throughline.calls': made } }),
    span(2, 1),
    ...Array.from({ length: exported }, (_, index) => span(10 + index, 2, { kind: 'CLIENT', attributes: outbound })),
  ];

  test('that are not met say how many calls were made and how many exported', () => {
    expect(messages(calls(47, 8))).toEqual(['missing-calls: gateway: 47 calls made, 8 exported under POST /']);
  });

  test('are met by as many calls, and by more', () => {
    expect(messages(calls(8, 8))).toEqual([]);
    expect(messages(calls(8, 9))).toEqual([]);
  });

  test.each(['CLIENT', 'PRODUCER'] as const)('count %s spans of whatever scope, without a direction too', (kind) => {
    const root = span(1, undefined, { attributes: { 'throughline.calls': 2 } });
    const ours = span(2, 1, { kind, scope: { name: '@throughline/fetch' } });
    const own = span(3, 1, { kind, scope: { name: 'my-queue' } });
    expect(messages([root, ours, own])).toEqual([]);
  });

  test.each([
    ['of a database', { kind: 'CLIENT', attributes: { 'db.system.name': 'postgresql' } }],
    ['of a database, by the older name', { kind: 'CLIENT', attributes: { 'db.system': 'redis' } }],
    ['of a model', { kind: 'CLIENT', attributes: { 'gen_ai.operation.name': 'chat' } }],
    ['that came in', { kind: 'CLIENT', attributes: { 'throughline.direction': 'inbound' } }],
    ['of another kind', { kind: 'INTERNAL', scope: { name: '@throughline/core' } }],
  ] as const)('count no span %s', (_, other) => {
    const root = span(1, undefined, { attributes: { 'throughline.calls': 1 } });
    expect(messages([root, span(2, 1, other)])).toEqual([
      'missing-calls: gateway: 1 call made, 0 exported under span 1',
    ]);
  });

  test('count the call of an MCP tool, which has an operation of GenAI as well', () => {
    const attributes = { 'mcp.method.name': 'tools/call', 'gen_ai.operation.name': 'execute_tool' };
    const root = span(1, undefined, { attributes: { 'throughline.calls': 1 } });
    expect(messages([root, span(2, 1, { kind: 'CLIENT', attributes })])).toEqual([]);
  });

  test('count no call of another inbound hop further down', () => {
    const further = [
      span(50, 10, { kind: 'SERVER', service: 'planner', parentIsRemote: true, attributes: inbound }),
      span(51, 50, { kind: 'CLIENT', service: 'planner', attributes: outbound }),
    ];
    expect(messages([...calls(2, 1), ...further])).toEqual([
      'missing-calls: gateway: 2 calls made, 1 exported under POST /',
    ]);
  });

  test.each([2.5, Number.NaN, -1])('that are no count are ignored: %s', (count) => {
    expect(messages([span(1, undefined, { attributes: { ...inbound, 'throughline.calls': count } })])).toEqual([]);
  });
});

test('control characters in names from outside never reach a message', () => {
  const spans = deskWith(8, { service: 'lib\u001b[2Jrary\n', parentSpanId: spanId(77) });
  const text = renderVerdict(check(spans));
  expect(text).toContain('lib\\u{1b}[2Jrary\\u{a} names a parent that nobody exported');
  expect(text).not.toContain('\u001b');
});

test('attributes of types that no convention allows are harmless', () => {
  const odd: CollectedSpan['attributes'] = Object.create(null) as CollectedSpan['attributes'];
  const names = ['throughline.transport', 'throughline.calls', 'messaging.system', 'messaging.destination.name'];
  const more = [
    'mcp.method.name',
    'gen_ai.tool.name',
    'network.transport',
    'server.port',
    'http.request.method',
    'error.type',
  ];
  const attributes = Object.fromEntries([...names, ...more].map((name) => [name, odd]));
  const spans = desk().map((each) => ({ ...each, attributes, status: { code: 'ERROR' } as const }));
  expect(check([...spans, span(20, undefined, { kind: 'SERVER', attributes })]).traces).toBe(1);
  expect(renderTree(spans)).toContain('── unknown ──▶');
});

test('a chain of 50,000 spans is judged without exhausting the stack', () => {
  const chain = Array.from({ length: 50_000 }, (_, index) => span(index + 1, index === 0 ? undefined : index));
  expect(check(chain.reverse())).toMatchObject({ verdict: 'sound', spans: 50_000 });
});
