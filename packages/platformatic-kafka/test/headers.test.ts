import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  extractContext,
  forwardHeaders,
  injectHeaders,
  tracedMessage,
  traceConsumer,
  traceProducer,
} from '../src/index.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const active = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });

let telemetry: ReturnType<typeof startTelemetry>;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const name = fc.oneof(
  fc.constantFrom('traceparent', 'TraceParent', 'tracestate', 'BAGGAGE', '__proto__', ''),
  fc.string(),
);
const either = (text: fc.Arbitrary<string>): fc.Arbitrary<string | Buffer> =>
  fc.oneof(
    text,
    text.map((given) => Buffer.from(given)),
  );

it('headers of every kind come out with one of each field, and what else they hold', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(either(name), either(fc.string()))), (entries) => {
      const headers = new Map(entries);
      const before = [...headers];
      const written = context.with(active, () => injectHeaders(headers));
      expect([...headers]).toEqual(before);
      const isField = (key: unknown): boolean => /^(traceparent|tracestate|baggage)$/i.test(String(key));
      expect([...written.keys()].filter(isField).map(String)).toEqual(['traceparent', 'baggage']);
      const others = before.filter(([key]) => !isField(key));
      expect([...written].filter(([key]) => !isField(key))).toEqual(others);
      const context_ = extractContext({ topic: 't', partition: 0, headers: written });
      expect(trace.getSpanContext(context_)).toMatchObject({ traceId, spanId });
    }),
  );
});

it('whatever arrives, the handler runs once and nothing of ours throws', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (strange, headers) => {
      let calls = 0;
      const handler = tracedMessage(() => calls++);
      handler(strange as never);
      handler({ topic: 't', partition: strange, key: strange, value: strange, timestamp: strange, headers } as never);
      expect(calls).toBe(2);
      extractContext({ topic: 't', partition: 0, headers, headerEntries: strange });
    }),
  );
});

it('a partition that has no text is none', () => {
  const handled = tracedMessage(() => 7);
  expect(handled({ topic: 't', partition: { toString: 0 }, headers: new Map() } as never)).toBe(7);
  expect(telemetry.spans().at(-1)?.attributes).not.toHaveProperty('messaging.destination.partition.id');
});

it('`headers: string` injects text', () => {
  const written = context.with(active, () => injectHeaders(undefined, { headers: 'string' }));
  expect([...written.keys()]).toEqual(['traceparent', 'baggage']);
  expect(forwardHeaders({ headers: written }).get('traceparent')).toContain(spanId);
});

it('a message without headers is sent on without any', () => {
  expect(forwardHeaders({}).size).toBe(0);
  expect(forwardHeaders({ headers: null }).size).toBe(0);
});

it('a wrong option is told at construction', () => {
  expect(() => traceProducer({} as never)).toThrow('new Producer');
  expect(() => traceConsumer({} as never)).toThrow('new Consumer');
  const client = { send: async () => ({}), close: async () => {} };
  expect(() => traceProducer(client, { headers: 'bytes' as never })).toThrow("'buffer' or 'string'");
});
