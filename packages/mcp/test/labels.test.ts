import type { Attributes } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceServer } from '../src/index.ts';
import { v1, v2 } from './sdk.ts';
import type { Sdk } from './sdk.ts';

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

let telemetry: Telemetry;
let reader: ManualReader;
let meterProvider: MeterProvider;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
beforeEach(() => {
  reader = new ManualReader();
  meterProvider = new MeterProvider({ readers: [reader] });
});

async function series(name: string): Promise<Attributes[]> {
  const { resourceMetrics } = await reader.collect();
  return resourceMetrics.scopeMetrics
    .flatMap(({ metrics }) => metrics)
    .filter(({ descriptor }) => descriptor.name === name)
    .flatMap(({ dataPoints }) => dataPoints.map(({ attributes }) => attributes));
}

const MANY = 5000;

interface Wire {
  onmessage?: (message: { readonly id?: unknown; readonly method?: string; readonly error?: unknown }) => void;
  start(): Promise<void>;
  send(message: unknown): Promise<void>;
  close(): Promise<void>;
}

/** A caller that says whatever it likes, at the wire of a traced server of the SDK's. */
async function caller(sdk: Sdk) {
  const [near, far] = sdk.memory() as unknown as [Wire, Wire];
  const server = sdk.server({ search: () => 'found' });
  await traceServer(server, { meterProvider }).connect(near as never);
  const waiting = new Map<unknown, () => void>();
  far.onmessage = ({ id }) => waiting.get(id)?.();
  await far.start();
  let ids = 0;
  return {
    ask: (method: string, params: object): Promise<void> =>
      new Promise((resolve, reject) => {
        const id = ids++;
        waiting.set(id, resolve);
        far.send({ jsonrpc: '2.0', id, method, params }).catch(reject);
      }),
    close: () => far.close(),
  };
}

/** A server that answers whatever it likes, at the wire of a traced client of the SDK's. */
async function answerer(sdk: Sdk, answer: (method: string, at: number) => object) {
  const [near, far] = sdk.memory() as unknown as [Wire, Wire];
  let at = 0;
  far.onmessage = ({ id, method }) => {
    if (id !== undefined && method !== undefined) void far.send({ jsonrpc: '2.0', id, ...answer(method, at++) });
  };
  await far.start();
  const client = traceClient(sdk.client(), { meterProvider });
  await client.connect(near as never).catch(() => {});
  return client;
}

const handshake = (version: string): object => ({
  result: { protocolVersion: version, capabilities: { tools: {} }, serverInfo: { name: 'any', version: '1' } },
});

describe.each([v1, v2()])('$name: what a peer makes up takes no series from a tool that is there', (sdk) => {
  const found = async (name: string): Promise<Attributes[]> => {
    const all = await series(name);
    expect(all.filter((attributes) => attributes['otel.metric.overflow'] === true)).toEqual([]);
    expect(all.length).toBeGreaterThan(0);
    expect(all.length).toBeLessThan(2000);
    return all.filter((attributes) => attributes['gen_ai.tool.name'] === 'search');
  };

  test('5,000 names of tools, prompts and methods, and versions of the protocol, from callers', async () => {
    const { ask, close } = await caller(sdk);
    for (let at = 0; at < MANY; at++) {
      const _meta = { 'io.modelcontextprotocol/protocolVersion': `2030-${at}` };
      await ask('tools/call', { name: `tool-${at}`, arguments: {}, _meta });
      await ask('tools/call', { name: 'search', arguments: { text: at }, _meta });
      await ask('prompts/get', { name: `prompt-${at}`, _meta });
      await ask(`made/up-${at}`, { _meta });
    }
    await ask('tools/call', { name: 'search', arguments: {} });
    const worked = (await found('mcp.server.operation.duration')).filter(
      (attributes) => attributes['error.type'] === undefined,
    );
    expect(worked.length).toBeGreaterThan(0);
    await close();
  });

  test('5,000 error codes from servers', async () => {
    const client = await answerer(sdk, (method, at) =>
      method === 'initialize'
        ? handshake('2025-11-25')
        : at > MANY
          ? { result: { content: [] } }
          : { error: { code: at * 7 - MANY, message: 'no' } },
    );
    for (let at = 0; at < MANY; at++) await sdk.call(client, `tool-${at % 100}`).catch(() => {});
    await sdk.call(client, 'search');
    expect(await found('mcp.client.operation.duration')).toHaveLength(1);
    await client.close();
  });

  test('5,000 versions of the protocol from servers', async () => {
    for (let at = 0; at < MANY; at++) await (await answerer(sdk, () => handshake(`made-up-${at}`))).close();
    const client = await answerer(sdk, (method) =>
      method === 'initialize' ? handshake('2025-11-25') : { result: { content: [] } },
    );
    await sdk.call(client, 'search');
    await client.close();
    const [search] = await found('mcp.client.operation.duration');
    expect(search?.['mcp.protocol.version']).toBe('2025-11-25');
    expect(await series('mcp.client.session.duration')).toContainEqual({ 'mcp.protocol.version': '_OTHER' });
    await found('mcp.client.session.duration');
  });
});
