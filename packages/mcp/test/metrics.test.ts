import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { Histogram } from '@opentelemetry/sdk-metrics';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceToolHandler } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { link } from './link.ts';
import { v1, v2 } from './sdk.ts';
import { spanOf } from './spans.ts';

let telemetry: Telemetry;
let reader: ManualReader;
let options: McpOptions;
beforeEach(() => {
  telemetry = startTelemetry();
  reader = new ManualReader();
  options = { meterProvider: new MeterProvider({ readers: [reader] }) };
});
afterEach(() => telemetry.shutdown());

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

interface Point {
  readonly attributes: Attributes;
  readonly value: Histogram;
  readonly unit: string;
}

async function points(name: string): Promise<Point[]> {
  const { resourceMetrics } = await reader.collect();
  return resourceMetrics.scopeMetrics
    .flatMap((scope) => scope.metrics)
    .flatMap((metric) =>
      metric.descriptor.name === name && metric.dataPointType === DataPointType.HISTOGRAM
        ? metric.dataPoints.map(({ attributes, value }) => ({ attributes, value, unit: metric.descriptor.unit }))
        : [],
    );
}

// https://github.com/open-telemetry/semantic-conventions-genai: MCP metrics
describe.each([v1, v2()])('$name: durations', (sdk) => {
  test('of a request at both ends, in seconds, in the buckets of the conventions', async () => {
    const linked = await link(sdk, 'memory', { client: options, server: options, tools: { add: () => 'done' } });
    await sdk.call(linked.client, 'add');
    for (const side of ['client', 'server']) {
      const found = (await points(`mcp.${side}.operation.duration`)).filter(
        ({ attributes }) => attributes['gen_ai.tool.name'] === 'add',
      );
      expect(found).toHaveLength(1);
      const [{ attributes, value, unit } = undefined as never] = found;
      expect(unit).toBe('s');
      expect(value.count).toBe(1);
      expect(value.sum).toBeGreaterThan(0);
      expect(value.sum).toBeLessThan(5);
      expect(value.buckets.boundaries).toEqual([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]);
      expect(attributes).toEqual({
        'mcp.method.name': 'tools/call',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'add',
        'mcp.protocol.version': '2025-11-25',
      });
    }
    await linked.close();
  });

  test('an error is on the measurement as it is on the span', async () => {
    const linked = await link(sdk, 'memory', {
      client: options,
      server: options,
      tools: {
        fail: () => {
          throw new Error('no');
        },
        hang: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('late'))),
      },
    });
    await sdk.call(linked.client, 'fail');
    await sdk.call(linked.client, 'hang', undefined, { timeout: 20 }).catch(() => {});
    const types = async (side: string): Promise<unknown[]> =>
      (await points(`mcp.${side}.operation.duration`))
        .filter(({ attributes }) => attributes['mcp.method.name'] === 'tools/call')
        .map(({ attributes }) => [attributes['gen_ai.tool.name'], attributes['error.type']]);
    const expected = [
      ['fail', 'tool_error'],
      ['hang', 'cancelled'],
    ];
    expect(await types('client')).toEqual(expected);
    await expect.poll(() => types('server')).toEqual(expected);
    await linked.close();
  });

  test('of a session at both ends, once it is over', async () => {
    const linked = await link(sdk, 'memory', { client: options, server: options });
    expect(await points('mcp.client.session.duration')).toEqual([]);
    await linked.close();
    for (const side of ['client', 'server']) {
      const found = await points(`mcp.${side}.session.duration`);
      expect(found.map(({ attributes, value }) => [attributes, value.count])).toEqual([
        [{ 'mcp.protocol.version': '2025-11-25' }, 1],
      ]);
    }
  });

  test('over HTTP say where to, and of a session only where the server gave it an id', async () => {
    const linked = await link(sdk, 'Streamable HTTP', { client: options, server: options });
    await linked.client.listTools().catch(() => {});
    const [found] = (await points('mcp.client.operation.duration')).filter(
      ({ attributes }) => attributes['mcp.method.name'] === 'tools/list',
    );
    expect(found?.attributes).toMatchObject({ 'network.transport': 'tcp', 'server.address': '127.0.0.1' });
    expect(found?.attributes).not.toHaveProperty('mcp.session.id');
    expect(found?.attributes).not.toHaveProperty('jsonrpc.request.id');
    await linked.close();
    expect(await points('mcp.client.session.duration')).toHaveLength(1);
  });

  test('of what has no span are not measured, and there is none without a meter provider', async () => {
    const linked = await link(sdk, 'memory', { client: { ...options, spans: false }, tools: { add: () => 'done' } });
    await sdk.call(linked.client, 'add');
    await linked.client.ping();
    expect(await points('mcp.client.operation.duration')).toEqual([]);
    expect(spanOf(telemetry, 'tools/call add', SpanKind.SERVER).ended).toBe(true);
    await linked.close();
  });
});

test('tools that a caller makes up are no series without end', async () => {
  const call = traceToolHandler(() => ({ content: [] }), { name: 'one', ...options });
  call();
  const linked = await link(v1, 'memory', { server: options });
  for (let at = 0; at < 1100; at++) await v1.call(linked.client, `made-up-${at}`);
  const found = await points('mcp.server.operation.duration');
  expect(found.length).toBeLessThan(1010);
  expect(found.some(({ attributes }) => attributes['gen_ai.tool.name'] === '_OTHER')).toBe(true);
  expect(found.some(({ attributes }) => attributes['gen_ai.tool.name'] === 'one')).toBe(true);
  await linked.close();
});
