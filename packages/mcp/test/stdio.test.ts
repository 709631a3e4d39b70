import { context, propagation, SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceEnv } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { text, v1, v2 } from './sdk.ts';
import type { TestClient, TestTransport } from './sdk.ts';
import { activeSpanId, inSpan, parentOf, spanOf } from './spans.ts';

const script = fileURLToPath(new URL('./services/stdio-server.ts', import.meta.url));

interface RemoteSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent?: string;
  readonly attributes: Attributes;
}

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

describe.each([v1, v2(), v2(true)])('$name over stdio, in a process of its own', (sdk) => {
  let client: TestClient;
  let transport: TestTransport & { readonly pid: number | null };
  afterEach(() => client.close());

  async function connect(
    options: McpOptions = {},
    serverOptions: McpOptions = {},
    env?: Record<string, string>,
  ): Promise<void> {
    client = traceClient(sdk.client(), options);
    transport = sdk.stdio(script, [sdk.key, JSON.stringify(serverOptions)], env);
    await client.connect(transport as never);
    await telemetry.reset();
  }
  const inFlight = (): number => (client.transport as { [inFlightKey]: number })[inFlightKey];
  const ask = async <T>(tool: string): Promise<T> => JSON.parse(text(await sdk.call(client, tool))) as T;

  test('a tool call is one trace across the processes', async () => {
    await connect();
    await inSpan('agent', () => sdk.call(client, 'add'));
    const out = spanOf(telemetry, 'tools/call add', SpanKind.CLIENT);
    const remote = (await ask<RemoteSpan[]>('spans')).find(({ name }) => name === 'tools/call add') as RemoteSpan;
    expect(remote.kind).toBe(SpanKind.SERVER);
    expect(remote.traceId).toBe(telemetry.find('agent').spanContext().traceId);
    expect(remote.parent).toBe(out.spanContext().spanId);
    for (const attributes of [out.attributes, remote.attributes]) {
      expect(attributes).toMatchObject({ 'network.transport': 'pipe', 'gen_ai.tool.name': 'add' });
      expect(attributes['mcp.protocol.version']).toBe(sdk.key === 'v2-modern' ? '2026-07-28' : '2025-11-25');
    }
    expect(inFlight()).toBe(0);
  });

  test('a request outside of any span is a trace of its own: nothing of connect() leaks into it', async () => {
    await inSpan('startup', () => connect());
    await sdk.call(client, 'add');
    await sdk.call(client, 'add');
    const roots = telemetry.spans().filter((span) => span.name === 'tools/call add');
    expect(roots.map(parentOf)).toEqual([undefined, undefined]);
  });

  test('answers come back in the context of their caller, however they interleave', async () => {
    await connect();
    const seen = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        inSpan(`agent ${at}`, async () => {
          const before = activeSpanId();
          let then: unknown;
          await sdk.call(client, 'add').then(() => (then = activeSpanId()));
          return before === then;
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 10 }, () => true));
  });

  test('baggage stays at home by default, and says so on the span', async () => {
    await connect();
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    const received = await context.with(propagation.setBaggage(context.active(), baggage), () => ask('baggage'));
    expect(received).toEqual({});
    expect(spanOf(telemetry, 'tools/call baggage', SpanKind.CLIENT).attributes['throughline.baggage.withheld']).toBe(1);
  });

  test('baggage goes to a server that is ours: firstParty', async () => {
    await connect({ firstParty: true });
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    const received = await context.with(propagation.setBaggage(context.active(), baggage), () => ask('baggage'));
    expect(received).toEqual({ tenant: 'blue' });
  });

  test('a name for the server is matched with the patterns of firstParty', async () => {
    await connect({ firstParty: ['search-*'], peer: { host: 'search-1' } });
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    expect(await context.with(propagation.setBaggage(context.active(), baggage), () => ask('baggage'))).toEqual({
      tenant: 'blue',
    });
  });

  test('a server that dies in mid-call ends the span with an error type, and rejects the call', async () => {
    await connect();
    const { transport: traced } = client;
    await expect(sdk.call(client, 'crash')).rejects.toThrow('Connection closed');
    const { attributes, ended } = spanOf(telemetry, 'tools/call crash', SpanKind.CLIENT);
    expect(ended).toBe(true);
    expect(attributes['error.type']).toBe('connection_closed');
    expect((traced as { [inFlightKey]: number })[inFlightKey]).toBe(0);
  });

  test('a server that is killed in mid-call does too', async () => {
    await connect();
    const call = sdk.call(client, 'hang');
    process.kill(transport.pid as number, 'SIGKILL');
    await expect(call).rejects.toThrow('Connection closed');
    expect(spanOf(telemetry, 'tools/call hang', SpanKind.CLIENT).attributes['error.type']).toBe('connection_closed');
  });

  test('a program that is no server leaves nothing open', async () => {
    client = traceClient(sdk.client());
    transport = sdk.stdio('--version', []);
    await expect(client.connect(transport as never)).rejects.toThrow();
    for (const span of telemetry.spans()) expect(span.attributes).toHaveProperty('error.type');
  });

  // The revision of 2026-07-28 has no requests from server to client.
  if (sdk.key !== 'v2-modern')
    test('sampling comes back into the trace from the other process', async () => {
      await connect();
      sdk.onSampling(client, (question) => inSpan('model', async () => `because ${question}`));
      await inSpan('agent', () => sdk.call(client, 'ask'));
      const remote = await ask<RemoteSpan[]>('spans');
      const tool = remote.find(({ name }) => name === 'tools/call ask') as RemoteSpan;
      const out = remote.find(({ name }) => name === 'sampling/createMessage') as RemoteSpan;
      const into = spanOf(telemetry, 'sampling/createMessage', SpanKind.SERVER);
      expect(out.parent).toBe(tool.spanId);
      expect(parentOf(into)).toBe(out.spanId);
      expect(parentOf(telemetry.find('model'))).toBe(into.spanContext().spanId);
      expect(into.spanContext().traceId).toBe(telemetry.find('agent').spanContext().traceId);
    });

  test('traceEnv gives the spawned server the context of the spawn', async () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    await inSpan('spawn', () =>
      context.with(propagation.setBaggage(context.active(), baggage), () =>
        connect({}, {}, traceEnv({ PATH: process.env['PATH'] ?? '' })),
      ),
    );
    const spawn = await ask<{ traceparent: string; baggage?: string }>('environment');
    const { traceId, spanId } = telemetry.find('spawn').spanContext();
    expect(spawn.traceparent.slice(0, 52)).toBe(`00-${traceId}-${spanId}`);
    expect(spawn.baggage).toMatch(/^throughline\.lineage=[^,]+$/);
  });
});
