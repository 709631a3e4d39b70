import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { traceConnection } from '../src/index.ts';
import { host } from './http-host.ts';
import { stdioServer } from './link.ts';
import { serve } from './loopback.ts';
import { text, v1, v2 } from './sdk.ts';
import type { TestClient, Tool } from './sdk.ts';
import { activeSpanId, inSpan, parentOf } from './spans.ts';

let telemetry: Telemetry;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

/** A span of the server's, here or told by its process. */
interface Into {
  readonly traceId: string;
  readonly parent: string | undefined;
}

const tools: Record<string, Tool> = {
  // Answers overtake each other.
  add: () => new Promise((resolve) => setTimeout(() => resolve('done'), Math.random() * 20)),
  ask: ({ sample }) => sample('why?'),
};
const clientSpans = (name: string): ReadableSpan[] =>
  telemetry.spans().filter((span) => span.kind === SpanKind.CLIENT && span.name === name);
const serverSpans = (): Into[] =>
  telemetry
    .spans()
    .filter((span) => span.kind === SpanKind.SERVER && span.name === 'tools/call add')
    .map((span) => ({ traceId: span.spanContext().traceId, parent: parentOf(span) }));

describe.each([v1, v2(), v2(true)])('traceConnection, $name, over real transports', (sdk) => {
  /** Connects a client that nobody traces, and traces it then. */
  async function connected(transport: object): Promise<TestClient> {
    const client = sdk.client();
    await client.connect(transport as never);
    cleanups.push(() => client.close());
    traceConnection(client);
    await telemetry.reset();
    return client;
  }

  /** Asks 20 times at once: each in its own trace, with a CLIENT and a SERVER span, and back in the context of its caller. */
  async function askMany(client: TestClient, told: () => Promise<Into[]> | Into[], expected: Attributes) {
    const isBack = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        inSpan(`agent ${at}`, async () => {
          const before = activeSpanId();
          expect(text(await sdk.call(client, 'add'))).toBe('done');
          return activeSpanId() === before;
        }),
      ),
    );
    expect(isBack).toEqual(Array.from({ length: 20 }, () => true));
    const out = clientSpans('tools/call add');
    expect(new Set(out.map((span) => span.spanContext().traceId)).size).toBe(20);
    const into = await told();
    for (let at = 0; at < 20; at++) {
      const agent = telemetry.find(`agent ${at}`).spanContext();
      const mine = out.filter((span) => parentOf(span) === agent.spanId);
      expect(mine).toHaveLength(1);
      expect(into.filter(({ parent }) => parent === mine[0]?.spanContext().spanId)).toEqual([
        { traceId: agent.traceId, parent: mine[0]?.spanContext().spanId },
      ]);
    }
    expect(into).toHaveLength(20);
    for (const { attributes } of out) expect(attributes).toMatchObject(expected);
  }

  test('stdio: 20 calls at once', async () => {
    const client = await connected(sdk.stdio(stdioServer, [sdk.key]));
    await askMany(
      client,
      async () =>
        (JSON.parse(text(await sdk.call(client, 'spans'))) as (Into & { name: string })[])
          .filter(({ name }) => name === 'tools/call add')
          .map(({ traceId, parent }) => ({ traceId, parent })),
      { 'network.transport': 'pipe' },
    );
  });

  test('Streamable HTTP: 20 calls at once', async () => {
    const served = await host(sdk, sdk.key === 'v2-modern' ? 'handler' : 'session', tools);
    cleanups.push(() => served.close());
    const client = await connected(sdk.http(served.url));
    await askMany(client, serverSpans, {
      'network.transport': 'tcp',
      'server.address': '127.0.0.1',
      'server.port': Number(served.url.port),
    });
  });

  // The servers of the revision of 2026-07-28 are made by the SDK's own entry, for each request.
  if (sdk.key !== 'v2-modern')
    test('a server over Streamable HTTP that is connected already: 20 calls at once, and what it asks back', async () => {
      const Transport = sdk.key === 'v1' ? StreamableHTTPServerTransport : NodeStreamableHTTPServerTransport;
      const transport = new Transport({ sessionIdGenerator: randomUUID });
      const server = sdk.server(tools);
      await server.connect(transport as never);
      traceConnection(server);
      const served = await serve((request, response) => transport.handleRequest(request, response));
      cleanups.push(
        () => served.close(),
        () => server.close(),
      );
      const client = sdk.client();
      sdk.onSampling(client, (question) => `because ${question}`);
      await client.connect(sdk.http(served.url) as never);
      cleanups.push(() => client.close());
      traceConnection(client);
      await telemetry.reset();
      await askMany(client, serverSpans, { 'network.transport': 'tcp' });

      expect(text(await inSpan('asks', () => sdk.call(client, 'ask')))).toBe('because why?');
      const { traceId } = telemetry.find('asks').spanContext();
      await vi.waitFor(() => expect(clientSpans('sampling/createMessage')).toHaveLength(1), { timeout: 20_000 });
      expect(clientSpans('sampling/createMessage')[0]?.spanContext().traceId).toBe(traceId);
    });
});
