import { describe, expect, test } from 'vitest';
import { type Capture, type CollectedSpan, checkTrace, renderTree, renderVerdict } from '../src/index.ts';
import { TRACE, desk, deskWith, deskWithout, span, spanId } from './desk.ts';

const OTHER_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

function messages(spans: Iterable<CollectedSpan>): string[] {
  return checkTrace(spans).findings.map(({ code, message }) => `${code}: ${message}`);
}

/** The spans from a root on down, put into a trace of their own: what is left where the context got lost. */
function splitAt(number: number, below: readonly number[]): CollectedSpan[] {
  return desk().map((each) => {
    if (each.spanId === spanId(number)) {
      const { parentSpanId: _, parentIsRemote: __, ...root } = each;
      return { ...root, traceId: OTHER_TRACE, links: [] };
    }
    if (!below.some((child) => each.spanId === spanId(child))) return each;
    return { ...each, traceId: OTHER_TRACE, links: each.links.map((link) => ({ ...link, traceId: OTHER_TRACE })) };
  });
}

describe('one whole trace', () => {
  test('is sound', () => {
    expect(checkTrace(desk())).toMatchObject({
      verdict: 'sound',
      traces: 1,
      services: ['gateway', 'planner', 'analyst', 'library'],
      spans: 9,
      orphans: 0,
      findings: [],
    });
    expect(renderVerdict(checkTrace(desk()))).toBe('sound: 1 trace, 4 services, 9 spans, 0 orphans');
  });

  test('is sound in whatever order the spans arrive, and when some arrive twice', () => {
    const report = checkTrace([...desk().reverse(), ...desk()]);
    expect([report.verdict, report.spans]).toEqual(['sound', 9]);
  });

  test('is judged without a change to what the caller owns', () => {
    const frozen = Object.freeze(desk().map((each) => Object.freeze(each)));
    expect(checkTrace(frozen).verdict).toBe('sound');
  });
});

test('no span at all is neither sound nor broken', () => {
  const report = checkTrace([]);
  expect(report.verdict).toBe('empty');
  expect(renderVerdict(report)).toBe(
    'empty: 0 traces, 0 services, 0 spans, 0 orphans\n- no-spans: no span was collected',
  );
});

describe('a collector that refused something', () => {
  const capture = (spans: CollectedSpan[], rejected: number, refused: number): Capture => ({
    spans: () => spans,
    rejected: () => rejected,
    refused: () => refused,
  });

  test('is judged as incomplete, whatever else is found, and says what it refused', () => {
    expect(renderVerdict(checkTrace(capture(desk(), 12, 1)))).toBe(
      'incomplete: 1 trace, 4 services, 9 spans, 0 orphans\n- incomplete-capture: 12 spans and 1 export came and could not be kept',
    );
    const { verdict, findings } = checkTrace(capture(deskWithout(8), 0, 3));
    expect([verdict, findings.map(({ code }) => code)]).toEqual(['incomplete', ['incomplete-capture']]);
    expect(checkTrace(capture(deskWithout(7), 0, 3)).findings.map(({ code }) => code)).toContain('orphan');
    expect(findings[0]?.message).toBe('3 exports came and could not be kept');
    expect(checkTrace(capture([], 1, 0))).toMatchObject({ verdict: 'empty', findings: [{}, {}] });
  });

  test('is judged by its spans where it refused none', () => {
    expect(checkTrace(capture(desk(), 0, 0)).verdict).toBe('sound');
    expect(checkTrace(capture(deskWithout(7), 0, 0)).verdict).toBe('broken');
  });
});

describe('a split trace', () => {
  test('names the service that started anew, and the one whose context was lost', () => {
    const report = checkTrace(splitAt(3, [4, 5, 6, 7, 8, 9]));
    expect(renderVerdict(report).split('\n')).toEqual([
      'broken: 2 traces, 4 services, 9 spans, 0 orphans',
      '- split-trace: planner starts a root of its own: SERVER POST /plan has no parent; gateway sent over http and was not continued',
    ]);
  });

  test.each([
    ['Planner.Internal', 'planner.internal'],
    ['planner.internal.', 'planner.internal'],
    ['[::1]', '::1'],
  ])('names the sender where one end says %s and the other %s', (sent, received) => {
    const addresses = new Map([
      [spanId(2), sent],
      [spanId(3), received],
    ]);
    const spans = splitAt(3, [4, 5, 6, 7, 8, 9]).map((each) => {
      const address = addresses.get(each.spanId);
      return address === undefined ? each : { ...each, attributes: { ...each.attributes, 'server.address': address } };
    });
    expect(messages(spans)).toEqual([expect.stringContaining('gateway sent over http and was not continued')]);
  });

  test('over Kafka names the topic and the sender', () => {
    const spans = splitAt(6, [7, 8]).filter((each) => each.spanId !== spanId(9));
    const { findings, traces } = checkTrace(spans);
    expect(traces).toBe(2);
    expect(findings).toEqual([
      {
        code: 'split-trace',
        message:
          'analyst starts a root of its own: CONSUMER process tasks has no parent; planner sent over kafka tasks and was not continued',
        traceId: OTHER_TRACE,
        spanId: spanId(6),
        boundary: { transport: 'kafka', label: 'kafka tasks', from: 'planner', to: 'analyst', missing: 'context' },
      },
    ]);
  });

  test('of a service that does not trace what it receives is one finding, at the send that nobody continued', () => {
    const others = ['1', '2'].map((digit) => digit.repeat(32));
    const [call, answer] = deskWithout(6, 9).filter((each) => [7, 8].some((number) => each.spanId === spanId(number)));
    const rest = deskWithout(6, 7, 8, 9);
    const calls = others.flatMap((traceId) => [
      { ...call, parentSpanId: undefined, traceId },
      { ...answer, traceId },
    ]) as CollectedSpan[];
    expect(checkTrace([...rest, ...calls]).findings).toEqual([
      expect.objectContaining({
        code: 'split-trace',
        message:
          'analyst starts 2 roots of its own: CLIENT tools/call search has no parent; planner sent over kafka tasks and was not continued',
        boundary: { transport: 'kafka', label: 'kafka tasks', from: 'planner', to: 'analyst', missing: 'context' },
      }),
    ]);
  });

  test('names no sender where several can have sent', () => {
    const spans = splitAt(6, [7, 8]).filter((each) => each.spanId !== spanId(9));
    const send = spans.find((each) => each.spanId === spanId(5));
    const another = { ...send, ...span(20, 1, { service: 'gateway' }), kind: 'PRODUCER' as const };
    expect(messages([...spans, { ...another, attributes: send?.attributes ?? {} }])).toEqual([
      'split-trace: analyst starts a root of its own: CONSUMER process tasks has no parent',
    ]);
  });

  test('is also a second root within the one trace', () => {
    expect(messages([...desk(), span(20, undefined, { service: 'clock' })])).toEqual([
      'split-trace: clock starts a root of its own: INTERNAL span 20 has no parent',
    ]);
  });

  test('without a root of its own shows as such', () => {
    expect(messages([...desk(), span(20, 19, { traceId: OTHER_TRACE })])).toEqual([
      `split-trace: gateway is in a trace of its own, ${OTHER_TRACE}, which has no root`,
      `orphan: gateway did not export the parent of its own spans: INTERNAL span 20 under ${spanId(19)}`,
    ]);
  });
});

describe('an orphan', () => {
  test('that came over a boundary names the boundary', () => {
    const report = checkTrace(deskWithout(7));
    expect(report).toMatchObject({ verdict: 'broken', orphans: 1 });
    expect(report.findings[0]).toEqual({
      code: 'orphan',
      message: `library received over mcp stdio a parent that nobody exported: SERVER tools/call search under ${spanId(7)}`,
      traceId: TRACE,
      spanId: spanId(8),
      boundary: { transport: 'mcp', label: 'mcp stdio', to: 'library', missing: 'parent' },
    });
  });

  test('is one finding for all spans of a service under the same missing parent', () => {
    const { orphans, findings } = checkTrace(deskWithout(5));
    expect(orphans).toBe(2);
    expect(findings.filter(({ code }) => code === 'orphan').map(({ message }) => message)).toEqual([
      `analyst received over kafka tasks a parent that nobody exported: CONSUMER process tasks and 1 more span under ${spanId(5)}`,
    ]);
  });

  test('within a service says that the service dropped it', () => {
    expect(messages(deskWithout(4))).toContain(
      `orphan: planner did not export the parent of its own spans: PRODUCER send tasks under ${spanId(4)}`,
    );
  });

  test('whose sender does not say whether the parent is remote is judged by its kind', () => {
    expect(messages([span(1, undefined), span(3, 2, { kind: 'SERVER', service: 'old' })])).toEqual([
      `orphan: old received over an unknown transport a parent that nobody exported: SERVER span 3 under ${spanId(2)}`,
    ]);
  });
});

test('parents that lead back to themselves are found, and nothing hangs', () => {
  const report = checkTrace([span(1, 3), span(2, 1), span(3, 2), span(4, 4), span(5, 3)]);
  expect(report.findings.map(({ code, message }) => `${code}: ${message}`)).toContain(
    'parent-loop: the parents of INTERNAL span 1 in gateway lead back to itself',
  );
  expect(report.findings.filter(({ code }) => code === 'parent-loop')).toHaveLength(2);
  expect([report.spans, report.orphans]).toEqual([5, 0]);
});

describe('a link', () => {
  test('to a span that was not collected is a finding', () => {
    const links = [{ traceId: TRACE, spanId: spanId(99), attributes: {} }];
    expect(messages(deskWith(4, { links }))).toEqual([
      `missing-link-target: planner links to span ${spanId(99)}, which was not collected: INTERNAL plan`,
    ]);
  });

  test('to a trace that was not collected says so', () => {
    const links = [{ traceId: OTHER_TRACE, spanId: spanId(99), attributes: {} }];
    expect(messages(deskWith(4, { links }))).toEqual([
      `missing-link-target: planner links to span ${spanId(99)} of trace ${OTHER_TRACE}, which was not collected: INTERNAL plan`,
    ]);
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
    expect(messages(calls(47, 8))).toEqual(['missing-calls: gateway: 47 calls made, 8 exported under SERVER POST /']);
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
      'missing-calls: gateway: 1 call made, 0 exported under INTERNAL span 1',
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
      'missing-calls: gateway: 2 calls made, 1 exported under SERVER POST /',
    ]);
  });

  test.each(['3', 2.5, Number.NaN, -1])('that are no count are ignored: %s', (count) => {
    expect(messages([span(1, undefined, { attributes: { ...inbound, 'throughline.calls': count } })])).toEqual([]);
  });
});

test('control characters in names from outside never reach a message', () => {
  const spans = deskWith(8, { service: 'lib\u001b[2Jrary\n', parentSpanId: spanId(77) });
  const text = renderVerdict(checkTrace(spans));
  expect(text).toContain('lib\\u{1b}[2Jrary\\u{a} received over mcp stdio');
  expect(text.split('\n')).toHaveLength(2);
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
  expect(checkTrace([...spans, span(20, undefined, { kind: 'SERVER', attributes })]).traces).toBe(1);
  expect(renderTree(spans)).toContain('── mcp ──▶');
});

test('a chain of 50,000 spans is judged without exhausting the stack', () => {
  const chain = Array.from({ length: 50_000 }, (_, index) => span(index + 1, index === 0 ? undefined : index));
  expect(checkTrace(chain.reverse())).toMatchObject({ verdict: 'sound', spans: 50_000 });
});
