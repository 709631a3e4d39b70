import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceServer } from '../src/index.ts';
import { host } from './http-host.ts';
import { stdioServer } from './link.ts';
import { text, v1, v2 } from './sdk.ts';
import type { TestClient, TestTransport } from './sdk.ts';
import { serve } from './loopback.ts';
import { spanOf } from './spans.ts';

let telemetry: Telemetry;
let reader: ManualReader;
let client: TestClient;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
  reader = new ManualReader();
  client = traceClient(v2(true).client(), { meterProvider: new MeterProvider({ readers: [reader] }) });
});
afterEach(async () => {
  await client.close();
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await telemetry.shutdown();
});

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

async function measured(method: string): Promise<Attributes[]> {
  const { resourceMetrics } = await reader.collect();
  return resourceMetrics.scopeMetrics
    .flatMap((scope) => scope.metrics)
    .flatMap((metric) => (metric.dataPointType === DataPointType.HISTOGRAM ? metric.dataPoints : []))
    .map(({ attributes }) => attributes)
    .filter((attributes) => attributes['mcp.method.name'] === method);
}

const v2Client = v2(true);

const overHttp = (hosting: 'stateless' | 'session') => async (): Promise<TestTransport> => {
  const served = await host(v1, hosting, { add: () => 'done' });
  cleanups.push(() => served.close());
  return v2Client.http(served.url);
};
const inMemory = async (): Promise<TestTransport> => {
  const server = traceServer(v1.server({ add: () => 'done' }));
  const [near, far] = v2Client.memory();
  await server.connect(far as never);
  cleanups.push(() => server.close());
  return near;
};
const ways: [string, () => Promise<TestTransport>][] = [
  ['in memory', inMemory],
  ['over Streamable HTTP without sessions', overHttp('stateless')],
  ['over Streamable HTTP with sessions', overHttp('session')],
];

// https://modelcontextprotocol.io/specification/draft/basic/versioning: a client that speaks both asks, and falls back
describe('a client of SDK v2 that asks a server of SDK v1 for the revision of 2026-07-28', () => {
  test.each(ways)('%s: that it falls back is no error, on spans and in the histogram', async (_, way) => {
    await client.connect((await way()) as never);
    const discover = spanOf(telemetry, 'server/discover', SpanKind.CLIENT);
    expect(discover.status.code).toBe(SpanStatusCode.UNSET);
    for (const span of telemetry.spans()) expect(span.attributes).not.toHaveProperty('error.type');
    const series = await measured('server/discover');
    expect(series).toHaveLength(1);
    expect(series[0]).not.toHaveProperty('error.type');
    expect(text(await v2Client.call(client, 'add'))).toBe('done');
  });

  test('in memory: the server has a span for it, and no error either', async () => {
    await client.connect((await inMemory()) as never);
    const { attributes, status } = spanOf(telemetry, 'server/discover', SpanKind.SERVER);
    expect(attributes).toMatchObject({ 'rpc.response.status_code': '-32601' });
    expect(attributes).not.toHaveProperty('error.type');
    expect(status.code).toBe(SpanStatusCode.UNSET);
  });

  // The SDK asks a process of its own, which is gone by then.
  test('over stdio: nothing of it is an error', async () => {
    await client.connect(v2Client.stdio(stdioServer, ['v1']) as never);
    expect(telemetry.spans().map(({ name }) => name)).toContain('initialize');
    for (const span of telemetry.spans()) expect(span.attributes).not.toHaveProperty('error.type');
    expect(text(await v2Client.call(client, 'add'))).toBe('done');
  });

  test('what says nothing of the server’s age is an error still', async () => {
    const served = await serve(async (request, response) => {
      for await (const _ of request);
      response.writeHead(503).end();
    });
    cleanups.push(() => served.close());
    await expect(client.connect(v2Client.http(served.url) as never)).rejects.toThrow();
    expect(spanOf(telemetry, 'server/discover', SpanKind.CLIENT).attributes['error.type']).toBe('503');
    expect((await measured('server/discover'))[0]).toHaveProperty('error.type');
  });
});
