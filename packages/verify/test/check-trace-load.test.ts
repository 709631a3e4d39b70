import { Script } from 'node:vm';
import { expect, test } from 'vitest';
import { type CollectedSpan, type Report, checkTrace, renderTree, renderVerdict } from '../src/index.ts';
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

function judged(spans: CollectedSpan[]): Report {
  const [report, tree, verdict] = soon(() => {
    const judgement = checkTrace(spans);
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
  expect(judged(spansOf(COUNT, (at) => span(at + 1, undefined))).findings).toHaveLength(1);
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
  expect(findings.map(({ boundary }) => [boundary?.from, boundary?.to])).toEqual([
    [undefined, 'gateway'],
    ['gateway', 'analyst'],
  ]);
});

test('calls without a parent, of services that may have received any of many messages', () => {
  const { verdict } = judged([
    ...spansOf(COUNT / 2, (at) =>
      span(at + 1, undefined, { kind: 'PRODUCER', service: `sender ${at % 3}`, attributes: topic(`topic ${at}`) }),
    ),
    ...spansOf(COUNT / 2, (at) => span(COUNT + at, undefined, { kind: 'CLIENT', service: `service ${at}` })),
  ]);
  expect(verdict).toBe('broken');
});

test('orphans, each of another parent, and all of one', () => {
  expect(judged(spansOf(COUNT, (at) => span(at + 1, 10 * COUNT + at))).orphans).toBe(COUNT);
  expect(judged(spansOf(COUNT, (at) => span(at + 1, 10 * COUNT))).orphans).toBe(COUNT);
});

test('children of one parent, some of which made calls', () => {
  const root = span(1, undefined, { kind: 'SERVER', attributes: { 'throughline.calls': COUNT } });
  const kinds = ['CLIENT', 'INTERNAL', 'PRODUCER'] as const;
  const children = spansOf(COUNT, (at) => span(at + 2, 1, { kind: kinds[at % 3] ?? 'INTERNAL' }));
  expect(judged([root, ...children]).findings).toEqual([
    expect.objectContaining({
      message: `gateway: ${COUNT} calls made, ${(COUNT / 3) * 2} exported under SERVER span 1`,
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
  expect(judged(many).findings.filter(({ code }) => code === 'parent-loop')).toHaveLength(COUNT);
  const one = spansOf(COUNT, (at) => span(at + 1, at === 0 ? COUNT : at));
  expect(judged(one).findings.filter(({ code }) => code === 'parent-loop')).toHaveLength(1);
});

test('the places at which loops were cut are looked through once to render them', () => {
  const report = checkTrace(spansOf(2000, (at) => span(at + 1, at + 1)));
  let reads = 0;
  const counted = <T extends object>(list: T): T =>
    new Proxy(list, { get: (target, key) => (reads++, Reflect.get(target, key) as unknown) });
  const traces = report.graph.traces.map((each) => ({ ...each, loops: counted(each.loops) }));
  expect(renderTree({ ...report, graph: { ...report.graph, traces } }).split('\n')).toHaveLength(2001);
  expect(reads).toBeLessThan(10_000);
});

test('links to what was not collected, beside as many traces', () => {
  const { findings } = judged(
    spansOf(COUNT, (at) =>
      span(at + 1, undefined, {
        traceId: traceId(at),
        links: [{ traceId: traceId(COUNT + at), spanId: 'b7ad6b7169203331', attributes: {} }],
      }),
    ),
  );
  expect(findings.filter(({ code }) => code === 'missing-link-target')).toHaveLength(COUNT);
});

test('links of one span, and one span over and over', () => {
  const links = spansOf(COUNT, (at) => span(at + 1, undefined)).map(({ spanId }) => ({
    traceId: TRACE,
    spanId,
    attributes: {},
  }));
  const again = spansOf(COUNT, () => span(1, undefined, { links }));
  const report = judged(again);
  expect([report.spans, report.findings.length]).toEqual([1, COUNT - 1]);
});

test('a service name of megabytes, which all spans share', () => {
  const service = 'x'.repeat(4_000_000);
  const roots = spansOf(COUNT, (at) => span(at + 1, undefined, { service }));
  const orphans = spansOf(COUNT, (at) => span(COUNT + at + 1, 10 * COUNT + at, { service }));
  expect(judged([...roots, ...orphans])).toMatchObject({ verdict: 'broken', services: [service] });
});
