import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Link, SpanKind, SpanStatusCode, type SpanContext, TraceFlags, context, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { afterEach, describe, expect, test } from 'vitest';
import { type CollectedSpan, type Collector, fromReadableSpans, startCollector } from '../src/index.ts';

const started: Collector[] = [];

async function collector(...args: Parameters<typeof startCollector>): Promise<Collector> {
  const collecting = await startCollector(...args);
  started.push(collecting);
  return collecting;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.close()));
});

const REMOTE: SpanContext = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
};

/** Two spans of a real SDK with everything on them that OTLP can carry. */
async function recordSpans(exporter: SpanExporter): Promise<void> {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'analyst', 'host.cpus': 2 }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer('desk', '1.2.3');
  const links: Link[] = [{ context: { ...REMOTE, spanId: '00f067aa0ba902b7' }, attributes: { why: 'batch' } }];
  const parent = trace.setSpanContext(context.active(), REMOTE);
  const inbound = tracer.startSpan(
    'process tasks',
    {
      kind: SpanKind.CONSUMER,
      links,
      attributes: { text: 'ü€', int: 9, big: 2 ** 53, negative: -3, half: 0.5, yes: true, list: ['a', 'b'], none: [] },
    },
    parent,
  );
  inbound.addEvent('read', { bytes: 12 });
  const inner = tracer.startSpan('think', {}, trace.setSpan(parent, inbound));
  inner.setStatus({ code: SpanStatusCode.ERROR, message: 'no idea' }).end();
  inbound.end();
  await provider.forceFlush();
}

/** As an OTLP body, for the cases in which the test needs the bytes. */
async function recorded(): Promise<ReadableSpan[]> {
  const memory = new InMemorySpanExporter();
  await recordSpans(memory);
  return memory.getFinishedSpans();
}

interface Serializer {
  serializeRequest(spans: ReadableSpan[]): Uint8Array;
}

// The exporter's own serializers: OpenTelemetry's protobuf exporter is this one behind the same HTTP client.
const fromExporter = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/exporter-trace-otlp-http'));
const { JsonTraceSerializer, ProtobufTraceSerializer } = fromExporter('@opentelemetry/otlp-transformer') as {
  JsonTraceSerializer: Serializer;
  ProtobufTraceSerializer: Serializer;
};

function post(
  url: string,
  body: string | Uint8Array,
  type: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': type, ...headers },
    body: body as string | Uint8Array<ArrayBuffer>,
  });
}

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';

function expectRecordedSpans(spans: readonly CollectedSpan[]): void {
  const inner = spans.find(({ name }) => name === 'think');
  const inbound = spans.find(({ name }) => name === 'process tasks');
  expect(spans).toHaveLength(2);
  expect(inbound).toMatchObject({
    traceId: REMOTE.traceId,
    parentSpanId: REMOTE.spanId,
    parentIsRemote: true,
    kind: 'CONSUMER',
    service: 'analyst',
    attributes: { text: 'ü€', int: 9, negative: -3, half: 0.5, yes: true, list: ['a', 'b'], none: [] },
    links: [{ traceId: REMOTE.traceId, spanId: '00f067aa0ba902b7', attributes: { why: 'batch' } }],
    events: [{ name: 'read', attributes: { bytes: 12 } }],
    status: { code: 'UNSET' },
    scope: { name: 'desk', version: '1.2.3' },
    resource: { 'service.name': 'analyst', 'host.cpus': 2 },
  });
  expect(inner).toMatchObject({
    parentSpanId: inbound?.spanId,
    parentIsRemote: false,
    kind: 'INTERNAL',
    status: { code: 'ERROR', message: 'no idea' },
  });
  expect(inner?.startTimeUnixNano).toBeGreaterThan(1_700_000_000_000_000_000n);
  expect(inner?.endTimeUnixNano).toBeGreaterThanOrEqual(inner?.startTimeUnixNano ?? 0n);
}

describe('what a real SDK sends', () => {
  test.each(['none', 'gzip'])('arrives whole from its OTLP/HTTP exporter, compression %s', async (compression) => {
    const collecting = await collector();
    const exporter = new OTLPTraceExporter({
      url: `${collecting.url}/v1/traces`,
      compression: compression as never,
    });
    await recordSpans(exporter);
    expectRecordedSpans(await collecting.waitFor((spans) => spans.length === 2));
    await exporter.shutdown();
  });

  test.each([false, true])('arrives whole as protobuf, gzip %s', async (zipped) => {
    const collecting = await collector();
    const body = ProtobufTraceSerializer.serializeRequest(await recorded());
    const response = zipped
      ? await post(collecting.url, gzipSync(body), PROTOBUF_TYPE, { 'content-encoding': 'gzip' })
      : await post(collecting.url, body, PROTOBUF_TYPE);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(PROTOBUF_TYPE);
    expect((await response.arrayBuffer()).byteLength).toBe(0);
    expectRecordedSpans(collecting.spans());
  });

  test('is the same from JSON, from protobuf and from an in-memory exporter', async () => {
    const spans = await recorded();
    const byJson = await collector();
    const byProtobuf = await collector();
    await post(byJson.url, JsonTraceSerializer.serializeRequest(spans), JSON_TYPE);
    await post(byProtobuf.url, ProtobufTraceSerializer.serializeRequest(spans), PROTOBUF_TYPE);
    expect(byJson.spans()).toHaveLength(2);
    expect(byProtobuf.spans()).toEqual(byJson.spans());
    expect(fromReadableSpans(spans)).toEqual(byJson.spans());
  });
});

describe('the OTLP/HTTP answers', () => {
  const valid = { traceId: REMOTE.traceId, spanId: REMOTE.spanId, name: 'ok' };
  const bodyOf = (...spans: object[]): string => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

  test('an export without any span is taken', async () => {
    const { url } = await collector();
    const response = await post(url, '{}', `${JSON_TYPE}; charset=utf-8`);
    expect([response.status, await response.text()]).toEqual([200, '{}']);
  });

  test('spans without valid ids are counted in partial_success, and the others kept', async () => {
    const collecting = await collector();
    const body = bodyOf(valid, { ...valid, traceId: '0'.repeat(32) }, { ...valid, spanId: 'xyz' });
    const response = await post(collecting.url, body, JSON_TYPE);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      partialSuccess: { rejectedSpans: '2', errorMessage: 'spans without valid ids or times' },
    });
    expect(collecting.spans()).toHaveLength(1);
    expect(collecting.rejected()).toBe(2);
  });

  test('spans past maxSpans are counted in partial_success, in protobuf as well', async () => {
    const collecting = await collector({ maxSpans: 1 });
    const body = ProtobufTraceSerializer.serializeRequest(await recorded());
    const response = await post(collecting.url, body, PROTOBUF_TYPE);
    const message = 'the collector holds its 1 spans';
    const expected = Buffer.concat([
      Buffer.from([0x0a, message.length + 4, 0x08, 1, 0x12, message.length]),
      Buffer.from(message),
    ]);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(expected);
    expect(collecting.spans()).toHaveLength(1);
  });

  test.each([
    ['no JSON', '{', JSON_TYPE, {}, 400],
    ['no object', '[]', JSON_TYPE, {}, 400],
    ['no protobuf', Buffer.from([0xff]), PROTOBUF_TYPE, {}, 400],
    ['no gzip', '{}', JSON_TYPE, { 'content-encoding': 'gzip' }, 400],
    [
      'a truncated gzip',
      gzipSync('{"resourceSpans":[]}').subarray(0, 20),
      JSON_TYPE,
      { 'content-encoding': 'gzip' },
      400,
    ],
    ['an unknown content type', '{}', 'text/plain', {}, 415],
    ['an unknown compression', '{}', JSON_TYPE, { 'content-encoding': 'br' }, 415],
    ['a large body', ' '.repeat(2000), JSON_TYPE, {}, 413],
    ['a gzip bomb', gzipSync(Buffer.alloc(1_000_000)).subarray(), JSON_TYPE, { 'content-encoding': 'gzip' }, 413],
  ])('%s is refused', async (_, body, type, headers, status) => {
    const collecting = await collector({ maxBodyBytes: 1500 });
    const response = await post(collecting.url, body, type, headers);
    expect(response.status).toBe(status);
    if (type !== PROTOBUF_TYPE) {
      expect(await response.json()).toEqual({ code: 3, message: expect.stringMatching(/./) as string });
    }
    expect((await post(collecting.url, bodyOf(valid), JSON_TYPE)).status).toBe(200);
    expect(collecting.spans()).toHaveLength(1);
  });

  test('a body of unknown length is refused as soon as it is too large', async () => {
    const { url } = await collector({ maxBodyBytes: 1000 });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const head = 'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked';
    // The last chunk never comes.
    socket.write(`${head}\r\n\r\n7d0\r\n${' '.repeat(2000)}\r\n`);
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a client that goes away within its request does no harm', async () => {
    const collecting = await collector();
    const socket = connect(Number(new URL(collecting.url).port), '127.0.0.1');
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
    );
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await closed;
    expect((await post(collecting.url, bodyOf(valid), JSON_TYPE)).status).toBe(200);
  });

  test.each(['metrics', 'logs'])('%s are taken and dropped', async (signal) => {
    const collecting = await collector();
    const headers = { 'content-type': JSON_TYPE };
    const response = await fetch(`${collecting.url}/v1/${signal}`, { method: 'POST', headers, body: '{"a":1}' });
    expect([response.status, await response.text()]).toEqual([200, '{}']);
    expect(collecting.spans()).toEqual([]);
  });

  test('other paths and methods are refused', async () => {
    const { url } = await collector();
    expect((await fetch(`${url}/`, { method: 'POST' })).status).toBe(404);
    const wrongMethod = await fetch(`${url}/v1/traces`);
    expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('waitFor', () => {
  const spanBody = (spanId: string): string =>
    JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: REMOTE.traceId, spanId }] }] }] });

  test('a quiet period starts anew with every span, and not before the first', async () => {
    const collecting = await collector();
    const quiet = collecting.waitFor({ quietMs: 400 });
    let settled = false;
    void quiet.then(() => (settled = true));
    for (const spanId of ['000000000000000a', '000000000000000b', '000000000000000c']) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      expect(settled).toBe(false);
      await post(collecting.url, spanBody(spanId), JSON_TYPE);
    }
    expect(await quiet).toHaveLength(3);
  });

  test('resolves at once when the condition holds already', async () => {
    const collecting = await collector();
    await post(collecting.url, spanBody(REMOTE.spanId), JSON_TYPE);
    expect(await collecting.waitFor((spans) => spans.length > 0, { timeoutMs: 1 })).toHaveLength(1);
  });

  test('rejects at its timeout and says how many spans came', async () => {
    const collecting = await collector();
    await expect(collecting.waitFor(() => false, { timeoutMs: 20 })).rejects.toThrow('waited 20 ms for spans; 0 came');
  });

  test('rejects with what the condition throws', async () => {
    const collecting = await collector();
    const mine = new Error('mine');
    const failing = collecting.waitFor(() => {
      throw mine;
    });
    await expect(failing).rejects.toBe(mine);
  });

  test('rejects on close, which is idempotent and leaves the spans readable', async () => {
    const collecting = await collector();
    await post(collecting.url, spanBody(REMOTE.spanId), JSON_TYPE);
    const waiting = collecting.waitFor(() => false);
    await Promise.all([expect(waiting).rejects.toThrow('closed'), collecting.close().then(() => collecting.close())]);
    expect(collecting.spans()).toHaveLength(1);
    await expect(collecting.waitFor(() => true)).rejects.toThrow('closed');
  });
});

test.each([
  [{ maxBodyBytes: 0 }, '`maxBodyBytes` must be an integer above 0'],
  [{ maxSpans: 1.5 }, '`maxSpans` must be an integer above 0'],
  [{ requestTimeoutMs: Number.NaN }, '`requestTimeoutMs` must be an integer above 0'],
  [{ maxBodyBytes: 1000, maxInFlightBytes: 1000 }, '`maxInFlightBytes` must be at least 66536'],
])('limits that are none are refused: %o', async (options, message) => {
  await expect(startCollector(options)).rejects.toThrow(message);
});

test('what is refused is counted, and what is no export of spans is not', async () => {
  const collecting = await collector();
  await post(collecting.url, 'nonsense', JSON_TYPE);
  await post(collecting.url, 'nonsense', 'text/plain');
  await fetch(`${collecting.url}/v1/traces`);
  await fetch(`${collecting.url}/v1/logs`, { method: 'POST', body: 'nonsense' });
  await fetch(`${collecting.url}/elsewhere`, { method: 'POST', body: 'nonsense' });
  expect([collecting.refused(), collecting.rejected()]).toEqual([2, 0]);
});

test.each([JSON_TYPE, PROTOBUF_TYPE])('a refusal is a Status in the content type of the request: %s', async (type) => {
  const { url } = await collector();
  const answers = [
    await post(url, new Uint8Array([0xff]), type),
    await fetch(`${url}/elsewhere`, { method: 'POST', headers: { 'content-type': type }, body: 'x' }),
  ];
  for (const answer of answers) {
    expect(answer.headers.get('content-type')).toBe(type);
    const body = Buffer.from(await answer.arrayBuffer());
    if (type === JSON_TYPE) expect(JSON.parse(body.toString())).toMatchObject({ code: 3 });
    // Fields 1 and 2: the code, and the message to the end of the body.
    else expect([...body.subarray(0, 4)]).toEqual([0x08, 3, 0x12, body.length - 4]);
  }
});

test('the process of a closed collector ends by itself and has written nothing', () => {
  const script = `
    import { startCollector } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)};
    const collector = await startCollector();
    await fetch(collector.url + '/v1/traces', { method: 'POST', body: 'nonsense' });
    await collector.close();`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});
