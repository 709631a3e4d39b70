import { diag, DiagLogLevel, SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceConnection } from '../src/index.ts';
import { host } from './http-host.ts';
import { stdioServer } from './link.ts';
import { text, v1, v2 } from './sdk.ts';
import type { Sdk, TestClient, TestTransport } from './sdk.ts';
import { spanOf } from './spans.ts';

let telemetry: Telemetry;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  diag.disable();
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

/** A client that nobody traced before it was connected. */
async function connect(sdk: Sdk, transport: TestTransport): Promise<TestClient> {
  const client = sdk.client();
  cleanups.push(() => client.close());
  await client.connect(transport as never);
  traceConnection(client);
  await telemetry.reset();
  return client;
}

const spansOfCall = (): Attributes[] =>
  telemetry
    .spans()
    .filter(({ name }) => name.startsWith('tools/call'))
    .map(({ attributes }) => attributes);

describe.each([v1, v2(), v2(true)])('traceConnection, $name, over stdio', (sdk) => {
  test('the version that was agreed on before is on spans, where the SDK tells it', async () => {
    const client = await connect(sdk, sdk.stdio(stdioServer, [sdk.key]));
    await sdk.call(client, 'add');
    const version = { v1: undefined, v2: '2025-11-25', 'v2-modern': '2026-07-28' }[sdk.key];
    expect(spansOfCall().map((attributes) => attributes['mcp.protocol.version'])).toEqual([version]);
  });

  test('a server that dies ends what is open, and is told: a framework makes a new client', async () => {
    delete (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
    const said: string[] = [];
    const quiet = (): void => {};
    const warn = (message: string): void => void said.push(message);
    diag.setLogger({ verbose: quiet, debug: quiet, info: quiet, error: quiet, warn }, DiagLogLevel.WARN);
    const client = await connect(sdk, sdk.stdio(stdioServer, [sdk.key]));
    await expect(sdk.call(client, 'crash')).rejects.toThrow();
    expect(spansOfCall().map((attributes) => attributes['error.type'])).toEqual(['connection_closed']);
    expect(said).toEqual([expect.stringContaining('call `traceConnection` with that one too')]);
  });
});

test('a server over stdio that is connected already is in the trace of its caller', async () => {
  const client = traceClient(v1.client());
  cleanups.push(() => client.close());
  await client.connect(v1.stdio(stdioServer, ['v1', '{}', 'in-place']) as never);
  await v1.call(client, 'add');
  const out = spanOf(telemetry, 'tools/call add', SpanKind.CLIENT);
  const remote = JSON.parse(text(await v1.call(client, 'spans'))) as { name: string; parent?: string }[];
  expect(remote.find(({ name }) => name === 'tools/call add')?.parent).toBe(out.spanContext().spanId);
});

describe.each([
  { sdk: v1, hosting: 'session', inPlace: true },
  { sdk: v1, hosting: 'stateless', inPlace: true },
  { sdk: v2(), hosting: 'session', inPlace: true },
  { sdk: v2(true), hosting: 'handler', inPlace: false },
] as const)('traceConnection, $sdk.name, over Streamable HTTP, $hosting', ({ sdk, hosting, inPlace }) => {
  test('the version that was agreed on before is on the spans of both ends', async () => {
    const served = await host(sdk, hosting, { add: () => 'done' }, { inPlace });
    cleanups.push(() => served.close());
    const client = await connect(sdk, sdk.http(served.url));
    await sdk.call(client, 'add');
    const version = sdk.key === 'v2-modern' ? '2026-07-28' : '2025-11-25';
    expect(spansOfCall().map((attributes) => attributes['mcp.protocol.version'])).toEqual([version, version]);
  });
});
