import { trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { injectHeaders, traceFetch } from '../src/index.ts';
import { deepFreeze } from './echo-server.ts';

let telemetry: Telemetry;

beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const inSpan = <T>(work: () => T): T =>
  trace.getTracer('test').startActiveSpan('work', (span) => {
    try {
      return work();
    } finally {
      span.end();
    }
  });

const name = fc.oneof(
  fc.constantFrom(
    'traceparent',
    'Traceparent',
    'TRACEPARENT',
    'tracestate',
    'TraceState',
    'baggage',
    'BAGGAGE',
    '__proto__',
    'constructor',
  ),
  fc.string(),
);
const value = fc.oneof(
  fc.string(),
  fc.constant('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
  fc.constantFrom('\r\nx-evil: 1', 'a\0b', '\uD800', 'x'.repeat(9000)),
  fc.anything(),
);
const record = fc.array(fc.tuple(name, value)).map((entries) => {
  const headers = Object.create(null) as Record<string, unknown>;
  for (const [key, one] of entries) headers[key] = one;
  return headers;
});
const headers = fc.oneof(record, fc.array(fc.tuple(name, value)), fc.array(fc.anything()), fc.anything());

test('any headers: one traceparent of ours goes to fetch, or what came goes unchanged for it to refuse', () => {
  const seen: unknown[] = [];
  const fake = traceFetch((_input: string, init?: { headers?: unknown }) => void seen.push(init?.headers));
  fc.assert(
    fc.property(headers, (given) => {
      seen.length = 0;
      const init = Object.freeze({ headers: given });
      inSpan(() => fake('http://planner/', init));
      expect(seen).toHaveLength(1);
      const got = seen[0];
      const entries = got instanceof Headers || Array.isArray(got) ? [...got] : Object.entries(Object(got));
      const traceparents = entries.filter(
        (entry) => Array.isArray(entry) && typeof entry[0] === 'string' && entry[0].toLowerCase() === 'traceparent',
      );
      // NaN is not equal to itself.
      if (Object.is(got, given)) return;
      expect(traceparents).toHaveLength(1);
      expect(traceparents[0]).toEqual(['traceparent', expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-0[13]$/)]);
    }),
    { numRuns: 500 },
  );
});

test('any record: every other header comes out as it went in, and the record is not changed', () => {
  fc.assert(
    fc.property(record, (given) => {
      const frozen = deepFreeze(given);
      const written = inSpan(() => injectHeaders(frozen));
      const others = (all: object): [string, unknown][] =>
        Object.entries(all).filter(([key]) => !['traceparent', 'tracestate', 'baggage'].includes(key.toLowerCase()));
      expect(others(written)).toEqual(others(given));
      expect(Object.keys(written).filter((key) => key.toLowerCase() === 'traceparent')).toEqual(['traceparent']);
    }),
  );
});

test('any input and init: the wrapper neither throws nor rejects of its own', () => {
  const calls: unknown[][] = [];
  const fake = traceFetch((...args: unknown[]) => void calls.push(args));
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), fc.anything({ withNullPrototype: true }), (input, init) => {
      calls.length = 0;
      fake(input, init);
      expect(calls).toHaveLength(1);
      expect(calls[0]?.[0]).toBe(input);
    }),
    { numRuns: 500 },
  );
});
