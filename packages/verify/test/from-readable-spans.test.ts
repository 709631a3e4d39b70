import { createRequire } from 'node:module';
import { SpanKind, SpanStatusCode, TraceFlags, context, trace } from '@opentelemetry/api';
import * as sdk3 from '@opentelemetry/sdk-trace';
import { describe, expect, test } from 'vitest';
import { type ReadableSpanLike, fromReadableSpans } from '../src/index.ts';

interface InMemory {
  getFinishedSpans(): ReadableSpanLike[];
}

/** What both lines have under other names. */
interface Sdk {
  memory: InMemory;
  provider: Pick<sdk3.TracerProvider, 'getTracer'>;
}

function startSdk3(): Sdk {
  const exporter = new sdk3.InMemorySpanExporter();
  const spanProcessors = [new sdk3.SimpleSpanProcessor({ exporter })];
  return { memory: exporter, provider: new sdk3.TracerProvider({ spanProcessors }) };
}

function startSdk2(): Sdk {
  const fromSdk2 = createRequire(new URL('../../../test/sdk2/package.json', import.meta.url));
  const sdk2 = fromSdk2('@opentelemetry/sdk-trace-base') as {
    InMemorySpanExporter: new () => InMemory;
    SimpleSpanProcessor: new (exporter: InMemory) => object;
    BasicTracerProvider: new (config: { spanProcessors: object[] }) => Sdk['provider'];
  };
  const memory = new sdk2.InMemorySpanExporter();
  const spanProcessors = [new sdk2.SimpleSpanProcessor(memory)];
  return { memory, provider: new sdk2.BasicTracerProvider({ spanProcessors }) };
}

describe.each([
  ['SDK 2', startSdk2],
  ['SDK 3', startSdk3],
])('the in-memory spans of %s', (_, start) => {
  test('become plain data, with remote and local parents told apart', () => {
    const { memory, provider } = start();
    const tracer = provider.getTracer('desk', '1.0.0');
    const remote = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: TraceFlags.SAMPLED,
      isRemote: true,
    };
    const parent = trace.setSpanContext(context.active(), remote);
    const startTime: [number, number] = [1_700_000_000, 123_456_789];
    const attributes = { list: ['a'] };
    const links = [{ context: { ...remote, spanId: '00f067aa0ba902b7' } }];
    const inbound = tracer.startSpan('process', { kind: SpanKind.CONSUMER, startTime, attributes, links }, parent);
    tracer.startSpan('root').end();
    tracer.startSpan('inner', {}, trace.setSpan(parent, inbound)).end();
    inbound.setStatus({ code: SpanStatusCode.OK }).end([1_700_000_001, 0]);

    const [root, inner, outer] = fromReadableSpans(memory.getFinishedSpans());
    expect(root).not.toHaveProperty('parentSpanId');
    expect(inner).toMatchObject({ kind: 'INTERNAL', parentSpanId: outer?.spanId, parentIsRemote: false });
    expect(outer).toMatchObject({
      traceId: remote.traceId,
      parentSpanId: remote.spanId,
      parentIsRemote: true,
      kind: 'CONSUMER',
      startTimeUnixNano: 1_700_000_000_123_456_789n,
      endTimeUnixNano: 1_700_000_001_000_000_000n,
      status: { code: 'OK' },
      scope: { name: 'desk', version: '1.0.0' },
      links: [{ traceId: remote.traceId, spanId: '00f067aa0ba902b7' }],
    });
    expect(outer?.attributes['list']).toEqual(['a']);
    expect(outer?.service).toMatch(/^unknown_service/);
  });
});

function fakeSpanOfSdk1(attributes: object, resource: object = { 'service.name': 'old' }): ReadableSpanLike {
  return {
    name: 'fake span of SDK 1',
    kind: 0,
    spanContext: () => ({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }),
    parentSpanId: '00f067aa0ba902b7',
    startTime: [0, 0],
    endTime: [0, 0],
    attributes,
    links: [],
    events: [],
    status: { code: 0 },
    resource: { attributes: resource },
  };
}

test('attributes nested beyond reason are cut, and those that hold themselves', () => {
  let deep: unknown = 'bottom';
  for (let depth = 0; depth < 50_000; depth++) deep = depth % 2 === 0 ? [deep] : { deep };
  const own: { own?: object } = {};
  own.own = own;
  const [span] = fromReadableSpans([fakeSpanOfSdk1({ deep, own })]);
  expect(JSON.stringify(span?.attributes).length).toBeLessThan(300);
});

test('a resource that spans share is copied once', () => {
  let copies = 0;
  const attributes = {
    get 'service.name'() {
      copies++;
      return 'one';
    },
  };
  const shared = fakeSpanOfSdk1({}, attributes);
  const spans = fromReadableSpans([shared, { ...shared }, { ...shared }]);
  expect([spans.map(({ service }) => service), copies]).toEqual([['one', 'one', 'one'], 1]);
});

test('an attribute called __proto__ is kept', () => {
  const [span] = fromReadableSpans([fakeSpanOfSdk1(JSON.parse('{"__proto__":"harmless"}') as object)]);
  expect(Object.entries(span?.attributes ?? {})).toEqual([['__proto__', 'harmless']]);
  expect(span).toMatchObject({ parentSpanId: '00f067aa0ba902b7', service: 'old' });
});
