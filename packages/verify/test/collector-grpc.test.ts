import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client, Metadata, credentials, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { SpanKind } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { afterEach, describe, expect, it } from 'vitest';
import { startCollector } from '../src/index.ts';
import type { Collector } from '../src/index.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function collector(options?: Parameters<typeof startCollector>[0]): Promise<Collector> {
  const collecting = await startCollector(options);
  closing.push(() => collecting.close());
  return collecting;
}

/** As many spans of a real SDK, by a real exporter. */
async function record(exporter: SpanExporter, count: number = 1): Promise<void> {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'planner' }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer('desk');
  for (let at = 0; at < count; at++) {
    tracer.startSpan(`work ${at}`, { kind: SpanKind.CONSUMER, attributes: { text: 'ü€', int: 9 } }).end();
  }
  await provider.forceFlush();
}

async function bodyOf(count: number): Promise<Buffer> {
  const memory = new InMemorySpanExporter();
  await record(memory, count);
  const resolve = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/exporter-trace-otlp-http'));
  const { ProtobufTraceSerializer } = resolve('@opentelemetry/otlp-transformer') as {
    ProtobufTraceSerializer: { serializeRequest(spans: ReadableSpan[]): Uint8Array };
  };
  return Buffer.from(ProtobufTraceSerializer.serializeRequest(memory.getFinishedSpans()));
}

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** Calls as any gRPC client does, with bytes of our own: the bytes of the answer, or the error. */
function call(url: string, message: Buffer, { path = EXPORT, gzip = false } = {}): Promise<Buffer | ServiceError> {
  const client = new Client(new URL(url).host, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': gzip ? 2 : 0,
  });
  closing.push(() => client.close());
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, message, new Metadata(), {}, (error, answer) => {
      resolve(error ?? (answer as Buffer));
    });
  });
}

describe('OTLP over gRPC', () => {
  it.each(['none', 'gzip'])('takes what the exporter of OpenTelemetry sends, compression %s', async (compression) => {
    const collecting = await collector();
    const exporter = new OTLPTraceExporter({ url: collecting.url, compression: compression as never });
    closing.push(() => exporter.shutdown());
    await record(exporter, 3);
    const spans = await collecting.waitFor((all) => all.length === 3);
    expect(spans[0]).toMatchObject({
      name: 'work 0',
      service: 'planner',
      kind: 'CONSUMER',
      attributes: { text: 'ü€', int: 9 },
    });
  });

  it('shares one port with HTTP', async () => {
    const collecting = await collector();
    const overGrpc = new OTLPTraceExporter({ url: collecting.url });
    const overHttp = new HttpExporter({ url: `${collecting.url}/v1/traces` });
    closing.push(
      () => overGrpc.shutdown(),
      () => overHttp.shutdown(),
    );
    await Promise.all([record(overGrpc, 20), record(overHttp, 20)]);
    expect(await collecting.waitFor((all) => all.length === 40)).toHaveLength(40);
    expect(collecting.refused()).toBe(0);
  });

  it('tells the protocol though the first bytes come one by one', async () => {
    const collecting = await collector();
    const { port } = new URL(collecting.url);
    const answers = await Promise.all(
      ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'POST /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'].map(
        async (greeting) => {
          const socket = connect(Number(port), '127.0.0.1').setNoDelay(true);
          closing.push(() => socket.destroy());
          await once(socket, 'connect');
          for (const byte of greeting) {
            socket.write(byte);
            await new Promise((resolve) => setTimeout(resolve, 2));
          }
          // An empty SETTINGS frame.
          if (greeting.startsWith('PRI')) socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
          return ((await once(socket, 'data')) as [Buffer])[0];
        },
      ),
    );
    expect(answers[0]?.[3], 'a SETTINGS frame').toBe(4);
    expect(answers[1]?.toString()).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('says how many spans it rejected, as partial success', async () => {
    const collecting = await collector({ maxSpans: 2 });
    const answer = await call(collecting.url, await bodyOf(5));
    expect(answer.toString()).toContain('the collector holds its 2 spans');
    expect([collecting.spans().length, collecting.rejected(), collecting.refused()]).toEqual([2, 3, 0]);
  });

  it('refuses a body that is too large, before and after decompression, for good', async () => {
    const collecting = await collector({ maxBodyBytes: 20_000 });
    const large = Buffer.alloc(1_000_000);
    expect(await call(collecting.url, large)).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(gzipSync(large).length).toBeLessThan(20_000);
    expect(await call(collecting.url, large, { gzip: true })).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'the body is larger than 20000 bytes',
    });
    expect(collecting.refused()).toBe(2);
    expect(await call(collecting.url, await bodyOf(2), { gzip: true })).toHaveLength(0);
  });

  it('has senders come again where too much is being received at once', async () => {
    const collecting = await collector({ maxBodyBytes: 30_000, maxInFlightBytes: 100_000 });
    const body = await bodyOf(1);
    const stalled = await stalledCall(collecting.url, 20_000);
    const more = await stalledCall(collecting.url, 20_000);
    expect(await stalled.answer).toContain('grpc-status: 14');
    expect(await call(collecting.url, body)).toHaveLength(0);
    expect(await more.answer).toContain('grpc-status: 14');
    expect(collecting.spans()).toHaveLength(1);
  });

  it('refuses what is malformed, and counts it', async () => {
    const collecting = await collector();
    expect(await call(collecting.url, Buffer.from('nonsense'))).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(collecting.refused()).toBe(1);
  });

  it('drops metrics and logs, and serves nothing else', async () => {
    const collecting = await collector();
    const service = (name: string): string => `/opentelemetry.proto.collector.${name}/Export`;
    expect(await call(collecting.url, Buffer.alloc(9), { path: service('metrics.v1.MetricsService') })).toHaveLength(0);
    expect(await call(collecting.url, Buffer.alloc(9), { path: service('logs.v1.LogsService') })).toHaveLength(0);
    expect(await call(collecting.url, Buffer.alloc(9), { path: '/grpc.health.v1.Health/Check' })).toMatchObject({
      code: status.UNIMPLEMENTED,
    });
    expect(collecting.refused()).toBe(0);
  });

  it('ends a call that does not arrive in time, and a connection that says nothing', async () => {
    const collecting = await collector({ requestTimeoutMs: 300 });
    const silent = connect(Number(new URL(collecting.url).port), '127.0.0.1');
    const closed = once(silent, 'close');
    const stalled = await stalledCall(collecting.url, 100);
    expect(await stalled.answer).toContain('grpc-status: 4');
    await closed;
    await expect.poll(() => collecting.refused()).toBe(1);
  });

  it('counts a call whose sender goes away', async () => {
    const collecting = await collector();
    const { leave } = await stalledCall(collecting.url, 100);
    leave();
    await expect.poll(() => collecting.refused()).toBe(1);
  });

  it('ends open connections when it is closed', async () => {
    const collecting = await collector();
    const exporter = new OTLPTraceExporter({ url: collecting.url });
    await record(exporter);
    await collecting.close();
    expect(collecting.spans()).toHaveLength(1);
    await exporter.shutdown();
  });
});

interface StalledCall {
  readonly answer: Promise<string>;
  leave(): void;
}

/** A call that sends so many bytes of a message which says that it has one more, and then nothing: its trailers, once they come. */
async function stalledCall(url: string, bytes: number): Promise<StalledCall> {
  const session = connectHttp2(url);
  closing.push(() => session.destroy());
  await once(session, 'connect');
  const stream = session.request({ ':method': 'POST', ':path': EXPORT, 'content-type': 'application/grpc' });
  const answer = new Promise<string>((resolve) => {
    stream.on('response', (headers) => resolve(`grpc-status: ${String(headers['grpc-status'])}`));
    stream.on('error', () => {});
  });
  const start = Buffer.alloc(5 + bytes);
  start.writeUInt32BE(bytes + 1, 1);
  stream.write(start);
  // What was sent before it has arrived when it is answered.
  await new Promise((resolve) => session.ping(resolve));
  return { answer, leave: () => session.destroy() };
}
