import { Script } from 'node:vm';
import { expect, test } from 'vitest';
import { type CollectedSpan, type ChainReport, checkChains, renderTree, renderVerdict } from '../src/index.ts';
import { TRACE, span } from './desk.ts';

/*
 * Only time can show that work is linear. So each shape is so large that work in the square of it takes many minutes, where this
 * gives it twenty seconds and it needs about one.
 */

/** Returns what `work` returns, and throws where that takes too long: a test's own timeout does not end what runs without a pause. */
function soon<T>(work: () => T): T {
  const holder = globalThis as { work?: () => unknown };
  holder.work = work;
  return new Script('globalThis.work()').runInThisContext({ timeout: 20_000 }) as T;
}

const COUNT = 99_999;

const spansOf = (count: number, make: (index: number) => CollectedSpan): CollectedSpan[] =>
  Array.from({ length: count }, (_, index) => make(index));
const traceId = (index: number): string => (index + 1).toString(16).padStart(32, '0');

function judged(spans: CollectedSpan[]): ChainReport {
  const [report, tree, verdict] = soon(() => {
    const judgement = checkChains(spans, { maxTreeSpans: Infinity });
    return [judgement, renderTree(judgement), renderVerdict(judgement)] as const;
  });
  expect(tree.split('\n').length).toBeGreaterThanOrEqual(report.spans);
  expect(verdict).toContain(`${report.spans} span`);
  return report;
}

const topic = (name: string): CollectedSpan['attributes'] => ({
  'messaging.system': 'kafka',
  'messaging.destination.name': name,
});

test('roots beside roots', () => {
  expect(judged(spansOf(COUNT, (at) => span(at + 1, undefined)))).toMatchObject({
    chains: COUNT,
    findings: [{ code: 'many-roots', count: COUNT - 1 }],
  });
});

test('traces beside traces, which all received what all may have sent', () => {
  const { findings } = judged([
    ...spansOf(COUNT / 2, (at) =>
      span(at + 1, undefined, { kind: 'PRODUCER', traceId: traceId(at), attributes: topic('tasks') }),
    ),
    ...spansOf(COUNT / 2, (at) =>
      span(COUNT + at, undefined, {
        kind: 'CONSUMER',
        service: 'analyst',
        traceId: traceId(COUNT + at),
        attributes: topic('tasks'),
      }),
    ),
  ]);
  expect(findings.map(({ boundary, count }) => [boundary?.from, boundary?.to, count])).toEqual([
    ['gateway', 'analyst', Math.floor(COUNT / 2)],
  ]);
});

test('calls without a parent, of services that may have received any of many messages', () => {
  const { verdict } = judged([
    ...spansOf(COUNT / 2, (at) =>
      span(at + 1, undefined, {
        kind: 'PRODUCER',
        service: `sender ${at % 3}`,
        traceId: traceId(at),
        attributes: topic(`topic ${at}`),
      }),
    ),
    ...spansOf(COUNT / 2, (at) =>
      span(COUNT + at, undefined, { kind: 'CLIENT', service: `service ${at}`, traceId: traceId(COUNT + at) }),
    ),
  ]);
  expect(verdict).toBe('sound');
});

test('orphans, each of another parent, and all of one', () => {
  const orphans = { findings: [{ code: 'orphan', count: COUNT }] };
  expect(judged(spansOf(COUNT, (at) => span(at + 1, 10 * COUNT + at)))).toMatchObject(orphans);
  expect(judged(spansOf(COUNT, (at) => span(at + 1, 10 * COUNT)))).toMatchObject(orphans);
});

test('children of one parent, some of which made calls', () => {
  const root = span(1, undefined, { kind: 'SERVER', attributes: { 'throughline.calls': COUNT } });
  const kinds = ['CLIENT', 'INTERNAL', 'PRODUCER'] as const;
  const children = spansOf(COUNT, (at) => span(at + 2, 1, { kind: kinds[at % 3] ?? 'INTERNAL' }));
  expect(judged([root, ...children]).findings).toEqual([
    expect.objectContaining({
      message: `gateway: ${COUNT} calls made, ${(COUNT / 3) * 2} exported under span 1`,
    }),
  ]);
});

test('a chain that ends nowhere, of inbound hops that each say what they called', () => {
  const chain = spansOf(COUNT, (at) =>
    span(at + 1, at === 0 ? undefined : at, { attributes: { 'throughline.calls': 1 } }),
  );
  expect(judged(chain.reverse()).findings).toHaveLength(COUNT);
});

test('parents that lead back to themselves, in many small loops and in one large one', () => {
  const many = spansOf(COUNT, (at) => span(at + 1, at + 1));
  expect(judged(many).findings).toMatchObject([{ code: 'parent-loop', count: COUNT }]);
  const one = spansOf(COUNT, (at) => span(at + 1, at === 0 ? COUNT : at));
  expect(judged(one).findings).toMatchObject([{ code: 'parent-loop', count: 1 }]);
});

test('links to what was not collected, beside as many traces', () => {
  const { verdict, chains } = judged(
    spansOf(COUNT, (at) =>
      span(at + 1, undefined, {
        traceId: traceId(at),
        links: [{ traceId: traceId(COUNT + at), spanId: 'b7ad6b7169203331', attributes: {} }],
      }),
    ),
  );
  expect([verdict, chains]).toEqual(['sound', COUNT]);
});

test('links of one span, and one span over and over', () => {
  const links = spansOf(COUNT, (at) => span(at + 1, undefined)).map(({ spanId }) => ({
    traceId: TRACE,
    spanId,
    attributes: {},
  }));
  const again = spansOf(COUNT, () => span(1, undefined, { links }));
  const report = judged(again);
  expect([report.spans, report.findings]).toEqual([1, []]);
});

test('a service name of megabytes, which all spans share', () => {
  const service = 'x'.repeat(4_000_000);
  const roots = spansOf(COUNT, (at) => span(at + 1, undefined, { service }));
  const orphans = spansOf(COUNT, (at) => span(COUNT + at + 1, 10 * COUNT + at, { service }));
  const { verdict, services } = judged([...roots, ...orphans]);
  expect([verdict, services[0] === service]).toEqual(['broken', true]);
});

const ofAgent = (at: number): CollectedSpan['attributes'] => ({
  'gen_ai.agent.name': `agent-${at}`,
  'gen_ai.usage.input_tokens': 1,
  'throughline.cost': 0.5,
  'throughline.cost.currency': `C${at}`,
});

test('agents below agents, each with calls of its own in a currency of its own', () => {
  const { agents } = judged(
    spansOf(COUNT, (at) =>
      span(at + 1, at === 0 ? undefined : at, { service: `service ${at % 2}`, attributes: ofAgent(at) }),
    ),
  );
  expect(agents).toHaveLength(COUNT);
  for (const { total } of agents) if ((total?.calls ?? 0) < 1) throw new Error('an agent is not told of its own calls');
});

test('agents that link to those before them', () => {
  const { agents } = judged(
    spansOf(COUNT, (at) =>
      span(at + 1, undefined, {
        kind: 'CONSUMER',
        attributes: ofAgent(at),
        links: [1, 2, 3]
          .filter((back) => back <= at)
          .map((back) => ({ traceId: TRACE, spanId: span(at + 1 - back, undefined).spanId, attributes: {} })),
      }),
    ),
  );
  expect(agents).toHaveLength(COUNT);
});
