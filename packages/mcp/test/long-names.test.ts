import { SpanKind } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { traceServer, traceTransport } from '../src/index.ts';
import { v1, v2 } from './sdk.ts';

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heap(): Promise<number> {
  await telemetry.reset();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  return process.memoryUsage().heapUsed;
}

interface Wire {
  onmessage?: (message: { readonly id?: unknown }) => void;
  start(): Promise<void>;
  send(message: unknown): Promise<void>;
  close(): Promise<void>;
}

const LONG = 200_000;

describe.each([v1, v2()])('$name: of what a caller makes as long as it likes, little is kept', (sdk) => {
  test('names and versions', async () => {
    const [near, far] = sdk.memory() as unknown as [Wire, Wire];
    const options = { meterProvider: new MeterProvider({ readers: [new ManualReader()] }) };
    await traceServer(sdk.server({ search: () => 'found' }), options).connect(near as never);
    let answered: (() => void) | undefined;
    far.onmessage = () => answered?.();
    await far.start();
    const ask = (id: number, method: string, name: string, version: string): Promise<void> =>
      new Promise((resolve, reject) => {
        answered = resolve;
        // What comes over a wire is parsed, and shares nothing.
        const params = { name, _meta: { 'io.modelcontextprotocol/protocolVersion': version } };
        far.send(JSON.parse(JSON.stringify({ jsonrpc: '2.0', id, method, params }))).catch(reject);
      });
    const round = async (at: number): Promise<void> => {
      await ask(at * 3, 'tools/call', `${at}`.padEnd(LONG, 'x'), 'v');
      await ask(at * 3 + 1, `${at}`.padEnd(LONG, 'x'), 'x', 'v');
      await ask(at * 3 + 2, 'tools/call', `made-up-${at}`, `${at}`.padEnd(LONG, 'x'));
    };
    await round(0);
    const before = await heap();
    for (let at = 1; at <= 60; at++) await round(at);
    expect((await heap()) - before).toBeLessThan(3_000_000);
    await far.close();
  });

  test('ids of requests that are never answered', async () => {
    const [near, far] = sdk.memory() as unknown as [Wire, Wire];
    const traced = traceTransport(near as never as Parameters<typeof traceTransport>[0]) as never as Wire;
    let handled = 0;
    traced.onmessage = () => void handled++;
    await traced.start();
    await far.start();
    const ask = (at: number): Promise<void> =>
      far.send(JSON.parse(JSON.stringify({ jsonrpc: '2.0', id: `${at}`.padEnd(LONG, 'x'), method: 'tools/list' })));
    await ask(0);
    const span = telemetry.find('tools/list');
    expect([span.kind, span.ended]).toEqual([SpanKind.SERVER, true]);
    const before = await heap();
    for (let at = 1; at <= 100; at++) await ask(at);
    expect(handled).toBe(101);
    expect((await heap()) - before).toBeLessThan(3_000_000);
    await far.close();
  });
});
