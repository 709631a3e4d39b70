import { expect, test } from 'vitest';
import { type CollectedSpan, checkChains, renderTree } from '../src/index.ts';
import { TRACE, desk, deskWith, deskWithout, span, spanId } from './desk.ts';

const DESK = `
trace ${TRACE}
gateway  SERVER POST /questions  2 ms
└─ gateway  CLIENT POST  2 ms
   └── http ──▶ planner  SERVER POST /plan  2 ms
      └─ planner  INTERNAL plan  2 ms
         └─ planner  PRODUCER send tasks  2 ms
            ├── kafka tasks ──▶ analyst  CONSUMER process tasks  2 ms
            │  └─ analyst  CLIENT tools/call search  2 ms
            │     └── mcp stdio ──▶ library  SERVER tools/call search  2 ms
            └── kafka tasks ──▶ analyst  CONSUMER process tasks  2 ms
`.trim();

test('every span is a line, and every hop names the boundary that it crossed', () => {
  expect(renderTree(desk())).toBe(DESK);
});

test('a report renders as its spans do, whatever their order', () => {
  expect(renderTree(checkChains(desk().reverse()))).toBe(DESK);
});

test('siblings are in the order in which they start', () => {
  const at = (number: number, start: bigint): CollectedSpan => span(number, 1, { startTimeUnixNano: start });
  expect(renderTree([span(1, undefined), at(2, 9_000_000n), at(3, 2_000_000n)])).toBe(
    `
trace ${TRACE}
gateway  INTERNAL span 1  2 ms
├─ gateway  INTERNAL span 3  3 ms
└─ gateway  INTERNAL span 2  -5 ms
`.trim(),
  );
});

test('what names a parent that nobody exported stands at the top, with the boundary it came over and what is missing', () => {
  expect(renderTree(deskWithout(6, 7)).split('\n').slice(-2)).toEqual([
    '            └── kafka tasks ──▶ analyst  CONSUMER process tasks  2 ms',
    `── mcp stdio ─╳▶ library  SERVER tools/call search  2 ms  phantom-parent  (parent ${spanId(7)} is missing)`,
  ]);
});

test('what started a root stands below who sent to it, and the arrow is broken', () => {
  const other = '4bf92f3577b34da6a3ce929d0e0e4736';
  const lost = desk().map((each) => {
    if (each.service !== 'library') return each;
    const { parentSpanId: _, parentIsRemote: __, ...root } = each;
    return { ...root, traceId: other, startTimeUnixNano: 7_500_000n };
  });
  expect(renderTree(checkChains(lost)).split('\n')).toEqual([
    ...DESK.split('\n').slice(0, 8),
    `            │     └── mcp stdio ─╳▶ library  SERVER tools/call search  2.5 ms  lost-context  (trace ${other})`,
    ...DESK.split('\n').slice(9),
  ]);
});

test('of a caller that is outside of the capture the parent is elsewhere', () => {
  const edge = deskWith(1, { parentSpanId: spanId(99), parentIsRemote: true });
  expect(renderTree(edge).split('\n')[1]).toBe(
    `── http ──▶ gateway  SERVER POST /questions  2 ms  (parent ${spanId(99)} is elsewhere)`,
  );
});

test('of a capture that is larger than is drawn, only what is broken is', () => {
  const other = '4bf92f3577b34da6a3ce929d0e0e4736';
  const orphan = span(40, 41, { traceId: other, service: 'clock', parentIsRemote: false });
  const { trees } = checkChains([...desk(), orphan], { maxTreeSpans: 5 });
  expect(renderTree({ trees })).toBe(
    `trace ${other}\nclock  INTERNAL span 40  2 ms  orphan  (parent ${spanId(41)} is missing)`,
  );
  expect(renderTree(checkChains(desk(), { maxTreeSpans: 0 }))).toBe('');
});

test('a trace is a block of its own', () => {
  const other = span(30, undefined, { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', service: 'clock', name: '' });
  expect(renderTree([...desk(), other])).toBe(
    `${DESK}\n\ntrace 4bf92f3577b34da6a3ce929d0e0e4736\nclock  INTERNAL  2 ms`,
  );
});

test('an error says its type', () => {
  const failed = deskWith(8, {
    status: { code: 'ERROR', message: 'a long story' },
    attributes: { 'error.type': 'tool_error' },
  });
  expect(renderTree(failed)).toContain('library  SERVER tools/call search  2 ms  ERROR tool_error');
  expect(renderTree([span(1, undefined, { status: { code: 'ERROR' } })])).toMatch(/2 ms {2}ERROR$/);
});

test.each([
  [7n, '7 ns'],
  [1_234n, '1.23 µs'],
  [45_678_900n, '45.7 ms'],
  [120_000_000n, '120 ms'],
  [75_123_000_000n, '75.12 s'],
])('a duration of %d ns is %s', (endTimeUnixNano, text) => {
  expect(renderTree([span(1, undefined, { startTimeUnixNano: 0n, endTimeUnixNano })])).toContain(`  ${text}`);
});

test.each([
  ['http of a plain instrumentation', { 'http.request.method': 'GET' }, 'http'],
  ['http of an older instrumentation', { 'http.method': 'GET' }, 'http'],
  ['a2a', { 'a2a.method.name': 'SendMessage', 'a2a.protocol.binding': 'JSONRPC' }, 'a2a JSONRPC'],
  ['mcp over Streamable HTTP', { 'mcp.method.name': 'tools/list', 'network.transport': 'tcp' }, 'mcp http'],
  ['another broker', { 'messaging.system': 'nats', 'messaging.destination.name': 'a.b' }, 'nats a.b'],
  ['rpc', { 'rpc.system': 'grpc' }, 'grpc'],
  ['nothing known', {}, 'unknown'],
  ['a hostile topic', { 'messaging.system': 'kafka', 'messaging.destination.name': '\u001b[31m' }, 'kafka \\u{1b}[31m'],
])('the boundary of %s', (_, attributes, label) => {
  const spans = [span(1, undefined), span(2, 1, { service: 'other', attributes })];
  expect(renderTree(spans)).toContain(`└── ${label} ──▶ other`);
});

test('the sending end tells the boundary where the receiving end does not', () => {
  const spans = [span(1, undefined, { attributes: { 'rpc.system': 'grpc' } }), span(2, 1, { service: 'other' })];
  expect(renderTree(spans)).toContain('└── grpc ──▶ other');
});

test('a hop between two processes of one service shows as one', () => {
  expect(renderTree([span(1, undefined), span(2, 1, { parentIsRemote: true })])).toContain('└── unknown ──▶ gateway');
});

test('control characters, reordering marks and endless names are made harmless', () => {
  const name = `a\u001b[2J\r\n\u202eb\ud800${'x'.repeat(1000)}`;
  const [, line = ''] = renderTree([span(1, undefined, { name })]).split('\n');
  expect(line).toContain('INTERNAL a\\u{1b}[2J\\u{d}\\u{a}\\u{202e}b\\u{d800}xx');
  expect(line.length).toBeLessThan(300);
});

test('parents that lead back to themselves are cut', () => {
  expect(renderTree([span(1, 2), span(2, 1)])).toBe(
    `
trace ${TRACE}
gateway  INTERNAL span 1  2 ms  parent-loop  (parent 0000000000000002 is below it)
└─ gateway  INTERNAL span 2  2 ms
`.trim(),
  );
});

test('a chain of 20,000 spans keeps its lines short and says its depth', () => {
  const chain = Array.from({ length: 20_000 }, (_, index) => span(index + 1, index === 0 ? undefined : index));
  const lines = renderTree(chain).split('\n');
  expect(lines).toHaveLength(20_001);
  expect(lines.at(-1)).toMatch(/^ +└─ \[19999\] gateway {2}INTERNAL span 20000 {2}2 ms$/);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(250);
});

test('colour is on request, and changes no text', () => {
  const coloured = renderTree(desk(), { color: true });
  expect(coloured).toContain('\u001b[36mplanner\u001b[0m');
  // oxlint-disable-next-line no-control-regex -- the escape is what is looked for
  expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(DESK);
});

test('a turn and a call of a model say where their time went, what was tried again, and what failed in silence', () => {
  const turn = span(1, undefined, {
    name: 'invoke_agent planner',
    attributes: { 'throughline.turn.outcome': 'ok_after_retries', 'throughline.signals': ['not_grounded'] },
  });
  const call = span(2, 1, {
    name: 'chat gpt-9',
    attributes: {
      'throughline.model.slowest_phase': 'retries',
      'throughline.model.attempts': 3,
      'throughline.model.queue.time': 1.25,
      'throughline.model.region': 'Sweden Central',
      'gen_ai.usage.input_tokens': 6100,
      'gen_ai.usage.cache_read.input_tokens': 0,
    },
  });
  const other = span(3, 1, { attributes: { 'throughline.turn.outcome': 'ok', 'throughline.model.attempts': 1 } });
  expect(renderTree([turn, call, other]).split('\n').slice(1)).toEqual([
    expect.stringMatching(/^gateway {2}INTERNAL invoke_agent planner {2}\S+ ms {2}\(ok after retries, not_grounded\)$/),
    expect.stringMatching(
      /chat gpt-9 {2}\S+ ms {2}\(mostly retries, 3 attempts, 1\.25 s in queue, 6100 in of which 0 cached, Sweden Central\)$/,
    ),
    expect.stringMatching(/span 3 {2}\S+ ms$/),
  ]);
});
