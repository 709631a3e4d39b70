import { describe, expect, it } from 'vitest';
import { checkChains } from '../src/index.ts';
import type { CollectedSpan } from '../src/index.ts';

const COUNT = 8000;
/** What is linear takes some 100 ms of a core; what is not, 2 s and more. */
const MOST_MS = 1500;

const id = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
const spanId = (nth: number): string => id(nth + 1, 16);

/** A span that begins after so many milliseconds, and lasts half of one. */
function span(nth: number, more: Partial<CollectedSpan> = {}): CollectedSpan {
  const startTimeUnixNano = BigInt(nth) * 1_000_000n;
  return {
    traceId: id(1, 32),
    spanId: spanId(nth),
    name: 'work',
    kind: 'INTERNAL',
    service: 'desk',
    startTimeUnixNano,
    endTimeUnixNano: startTimeUnixNano + 500_000n,
    attributes: {},
    links: [],
    events: [],
    status: { code: 'UNSET' },
    scope: { name: '' },
    resource: {},
    ...more,
  };
}

const spans = (count: number, make: (nth: number) => CollectedSpan): CollectedSpan[] =>
  Array.from({ length: count }, (_, nth) => make(nth));
const below = (nth: number): { parentSpanId?: string } => (nth === 0 ? {} : { parentSpanId: spanId(nth - 1) });
const own = (nth: number): { traceId: string } => ({ traceId: id(nth + 1, 32) });
const http = { 'http.request.method': 'GET', 'url.path': '/plan', 'server.port': 80 };
const topic = { 'messaging.system': 'kafka', 'messaging.destination.name': 'tasks' };
const CLIENT = { kind: 'CLIENT', attributes: http } as const;
const SERVER = { kind: 'SERVER', attributes: http } as const;
const HALF = COUNT / 2;

const hostile: Readonly<Record<string, () => CollectedSpan[]>> = {
  'different spans of one id': () => spans(COUNT, (nth) => span(0, { name: `work ${nth}` })),
  'children of an id that many have': () => [
    ...spans(HALF, (nth) => span(0, { name: `work ${nth}` })),
    ...spans(HALF, (nth) => span(nth + 5, { parentSpanId: spanId(0) })),
  ],
  'requests that all lost their context': () =>
    spans(COUNT, (nth) => span(nth, { ...own(nth), ...(nth % 2 === 0 ? CLIENT : { ...SERVER, service: 'planner' }) })),
  'messages that all lost their context': () =>
    spans(COUNT, (nth) =>
      span(nth, {
        ...own(nth),
        attributes: topic,
        ...(nth % 2 === 0 ? { kind: 'PRODUCER' } : { kind: 'CONSUMER', service: 'planner' }),
      }),
    ),
  'arrivals of a trace without a root': () =>
    spans(COUNT, (nth) => span(nth, { ...SERVER, parentSpanId: id(nth + 1_000_000, 16), parentIsRemote: true })),
  'a chain, each below the last': () => spans(COUNT, (nth) => span(nth, below(nth))),
  'a chain of services': () =>
    spans(COUNT, (nth) => span(nth, { service: `s${nth % 7}`, ...(nth % 2 === 0 ? CLIENT : SERVER), ...below(nth) })),
  'a chain of consumers': () =>
    spans(COUNT, (nth) => span(nth, { kind: 'CONSUMER', attributes: topic, ...below(nth) })),
  'tokens under a deep chain': () => [
    ...spans(HALF, (nth) => span(nth, below(nth))),
    ...spans(HALF, (nth) =>
      span(COUNT + nth, { parentSpanId: spanId(HALF - 1), attributes: { 'gen_ai.usage.input_tokens': 1 } }),
    ),
  ],
  'links to one span': () =>
    spans(COUNT, (nth) => span(nth, { links: [{ traceId: id(1, 32), spanId: spanId(0), attributes: {} }] })),
  'one span of many links': () => [
    span(0, { kind: 'CONSUMER', links: spans(COUNT, (nth) => span(nth + 5)) }),
    ...spans(COUNT, (nth) => span(nth + 5, { kind: 'PRODUCER', attributes: topic })),
  ],
  'one call that thousands served': () =>
    spans(COUNT, (nth) => span(nth, nth === 0 ? CLIENT : { ...SERVER, parentSpanId: spanId(0) })),
  'one loop': () => spans(COUNT, (nth) => span(nth, { parentSpanId: spanId((nth + 1) % COUNT) })),
  'receipts in a chain': () =>
    spans(COUNT, (nth) => span(nth, { ...below(nth), attributes: { 'throughline.calls': 5 } })),
  'the same call again and again': () =>
    spans(COUNT, (nth) =>
      span(
        nth,
        nth === 0 ? {} : { ...CLIENT, attributes: { ...http, 'url.full': 'http://a/b' }, parentSpanId: spanId(0) },
      ),
    ),
  'calls that nobody answered among those that were': () =>
    spans(COUNT, (nth) =>
      span(
        nth,
        nth % 3 === 1
          ? { ...own(nth - 1), ...SERVER, service: 'planner', parentSpanId: spanId(nth - 1) }
          : { ...own(nth), ...CLIENT },
      ),
    ),
};

function judgedIn(capture: readonly CollectedSpan[]): number {
  const before = process.cpuUsage();
  checkChains(capture);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe('time stays in proportion to', () => {
  it.each(Object.entries(hostile))('%s', (_, make) => {
    expect(judgedIn(make())).toBeLessThan(MOST_MS);
  });
});
