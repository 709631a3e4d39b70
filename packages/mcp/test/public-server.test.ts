import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { internalMesh, publicEdge, thirdPartyTools } from '@throughline/core';
import { hopSettings, nodeHeaders, receive } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { extractContext, traceClient } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { everyHosting, host } from './http-host.ts';
import type { HostOptions } from './http-host.ts';
import { text } from './sdk.ts';
import type { CallResult, TestClient, Tool } from './sdk.ts';
import { look } from './seen.ts';
import type { Seen } from './seen.ts';
import { inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

const isPartner: McpOptions['authenticated'] = ({ headers }) => headers.get('authorization') === 'Bearer partner';
const publicTools = publicEdge({ authenticated: isPartner });
const ours = internalMesh();

const withToken =
  (token: string): typeof fetch =>
  (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };

describe.each(everyHosting)('$title: two servers of one process, over Streamable HTTP', ({ sdk, hosting }) => {
  async function connect(
    tools: Record<string, Tool>,
    server: HostOptions,
    options: McpOptions & { readonly token?: string; readonly prepare?: (client: TestClient) => void } = {},
  ): Promise<TestClient> {
    const { token, prepare, ...clientOptions } = options;
    const served = await host(sdk, hosting, tools, server);
    const client = traceClient(sdk.client(), clientOptions);
    prepare?.(client);
    await client.connect(sdk.http(served.url, token === undefined ? {} : { fetch: withToken(token) }) as never);
    cleanups.push(
      () => served.close(),
      () => client.close(),
    );
    await telemetry.reset();
    return client;
  }
  const seenBy = async (client: TestClient, tool: string): Promise<Seen> =>
    JSON.parse(text(await sdk.call(client, tool))) as Seen;
  /** In a trace that has baggage, `tracestate`, and nine hops behind it. */
  const asAgent = <T>(fn: () => Promise<T>): Promise<T> => {
    const offered = extractContext({
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=1',
      baggage: 'tenant=blue,throughline.lineage=1.9.32.1.-.-.-',
    });
    return context.with(offered, () => inSpan('agent', fn));
  };
  const linksOf = (span: ReadableSpan): string[] => span.links.map((link) => link.context.spanId);

  test('the public one starts a trace that links the caller’s, the internal one goes on with it', async () => {
    const stranger = await connect({ ask: look }, publicTools, { token: 'anybody' });
    const colleague = await connect({ look }, ours);
    const [atPublic, atInternal] = await asAgent(async () =>
      Promise.all([seenBy(stranger, 'ask'), seenBy(colleague, 'look')]),
    );
    const { traceId } = telemetry.find('agent').spanContext();

    const out = spanOf(telemetry, 'tools/call ask', SpanKind.CLIENT);
    const into = spanOf(telemetry, 'tools/call ask', SpanKind.SERVER);
    expect(parentOf(into)).toBeUndefined();
    expect(into.spanContext().traceId).not.toBe(traceId);
    expect(linksOf(into)).toEqual([out.spanContext().spanId]);
    expect(atPublic).toEqual({ traceId: into.spanContext().traceId, baggage: {}, hops: 0 });
    // A stranger does not learn of the new trace.
    expect(linksOf(out)).toEqual([]);

    const inside = spanOf(telemetry, 'tools/call look', SpanKind.SERVER);
    expect(parentOf(inside)).toBe(spanOf(telemetry, 'tools/call look', SpanKind.CLIENT).spanContext().spanId);
    expect(linksOf(inside)).toEqual([]);
    expect(atInternal).toEqual({ traceId, tracestate: 'vendor=1', baggage: { tenant: 'blue' }, hops: 10 });
  });

  test('the public one goes on with the trace of a caller that is authenticated', async () => {
    const partner = await connect({ look }, publicTools, { token: 'partner' });
    const seen = await asAgent(() => seenBy(partner, 'look'));
    const { traceId } = telemetry.find('agent').spanContext();
    expect(seen).toEqual({ traceId, tracestate: 'vendor=1', baggage: { tenant: 'blue' }, hops: 10 });
    const into = spanOf(telemetry, 'tools/call look', SpanKind.SERVER);
    expect(parentOf(into)).toBe(spanOf(telemetry, 'tools/call look', SpanKind.CLIENT).spanContext().spanId);
    expect(linksOf(into)).toEqual([]);
  });

  test('strangers and partners at the same time get each what is theirs', async () => {
    const served = await host(sdk, hosting, { look }, publicTools);
    cleanups.push(() => served.close());
    const clients = await Promise.all(
      ['anybody', 'partner'].map(async (token) => {
        const client = traceClient(sdk.client());
        await client.connect(sdk.http(served.url, { fetch: withToken(token) }) as never);
        cleanups.push(() => client.close());
        return client;
      }),
    );
    await telemetry.reset();
    const seen = await asAgent(() =>
      Promise.all(Array.from({ length: 20 }, (_, at) => seenBy(clients[at % 2] as TestClient, 'look'))),
    );
    const { traceId } = telemetry.find('agent').spanContext();
    expect(seen.map((one) => one.traceId === traceId)).toEqual(seen.map((_, at) => at % 2 === 1));
    expect(seen.map((one) => one.baggage['tenant'])).toEqual(seen.map((_, at) => (at % 2 === 1 ? 'blue' : undefined)));
  });

  test('what the public one asks of the internal one is in the new trace, with nothing of the stranger’s', async () => {
    const colleague = await connect({ look }, ours);
    const relay: Tool = async () =>
      context.with(
        propagation.setBaggage(context.active(), propagation.createBaggage({ own: { value: '1' } })),
        async () => text(await sdk.call(colleague, 'look')),
      );
    const stranger = await connect({ relay }, publicTools, { token: 'anybody' });
    const seen = await asAgent(() => seenBy(stranger, 'relay'));
    const edge = spanOf(telemetry, 'tools/call relay', SpanKind.SERVER);
    const out = spanOf(telemetry, 'tools/call look', SpanKind.CLIENT);
    expect(parentOf(out)).toBe(edge.spanContext().spanId);
    expect(parentOf(spanOf(telemetry, 'tools/call look', SpanKind.SERVER))).toBe(out.spanContext().spanId);
    expect(seen).toMatchObject({ traceId: edge.spanContext().traceId, baggage: { own: '1' } });
    expect(seen.tracestate).toBeUndefined();
  });

  test('a policy decides for each method, and `restart` links nothing', async () => {
    const client = await connect({ look }, { inbound: ({ name }) => (name === 'tools/list' ? 'continue' : 'restart') });
    await asAgent(async () => {
      await client.listTools();
      await sdk.call(client, 'look');
    });
    const { traceId } = telemetry.find('agent').spanContext();
    expect(spanOf(telemetry, 'tools/list', SpanKind.SERVER).spanContext().traceId).toBe(traceId);
    const into = spanOf(telemetry, 'tools/call look', SpanKind.SERVER);
    expect(into.spanContext().traceId).not.toBe(traceId);
    expect(into.links).toEqual([]);
  });

  test('a forged `traceparent` in the headers of a POST does at the public one what one in `_meta` does', async () => {
    const forged = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const served = await host(sdk, hosting, { look }, publicTools);
    const sends: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('traceparent', forged);
      headers.set('baggage', 'tenant=red');
      return fetch(input, { ...init, headers });
    };
    const bare = sdk.client();
    await bare.connect(sdk.http(served.url, { fetch: sends }) as never);
    cleanups.push(
      () => served.close(),
      () => bare.close(),
    );
    await telemetry.reset();
    const seen = await seenBy(bare, 'look');
    expect(seen.traceId).not.toBe('0af7651916cd43dd8448eb211c80319c');
    expect(seen.baggage).toEqual({});
    expect(linksOf(spanOf(telemetry, 'tools/call look', SpanKind.SERVER))).toEqual(['b7ad6b7169203331']);
  });

  test('inside an HTTP request that was restarted `_meta` brings nothing in, unless the server’s own policy says so', async () => {
    const scope = { name: 'edge', version: '1.0.0' };
    const edge = hopSettings({ inbound: 'restart' }, scope);
    const around: HostOptions['around'] = (request, handle) => {
      const hop = { transport: 'http', name: 'POST', kind: SpanKind.SERVER, reader: nodeHeaders, request } as const;
      return receive({ ...hop, carrier: request.headers, http: 'request' }, handle, edge);
    };
    for (const [inbound, isIn] of [
      [undefined, false],
      ['continue', true],
    ] as const) {
      const client = await connect({ look }, inbound === undefined ? { around } : { around, inbound });
      const seen = await asAgent(() => seenBy(client, 'look'));
      const { traceId } = telemetry.find('agent').spanContext();
      expect(seen.traceId === traceId).toBe(isIn);
      expect(seen.baggage).toEqual(isIn ? { tenant: 'blue' } : {});
      expect(seen.hops).toBe(isIn ? 10 : 0);
    }
  });

  test('what is in `_meta` authenticates nobody', async () => {
    const options = publicEdge({ authenticated: ({ headers }) => headers.get('x-key') === 'good' });
    const client = await connect({ look }, options);
    const keyed = { 'x-key': 'good', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    const result = (await client.callTool({ name: 'look', arguments: {}, _meta: keyed })) as CallResult;
    expect(JSON.parse(text(result))).toMatchObject({ baggage: {}, hops: 0 });
    expect((JSON.parse(text(result)) as Seen).traceId).not.toBe('0af7651916cd43dd8448eb211c80319c');
    for (const given of [keyed, { requestId: 1, signal: new AbortController().signal, _meta: keyed }]) {
      expect(trace.getSpan(extractContext(given, options))).toBeUndefined();
    }
  });

  test('a server of other people gets trace context and no baggage', async () => {
    const client = await connect({ look }, ours, thirdPartyTools());
    const seen = await asAgent(() => seenBy(client, 'look'));
    const { traceId } = telemetry.find('agent').spanContext();
    expect(seen).toEqual({ traceId, tracestate: 'vendor=1', baggage: {}, hops: 1 });
    expect(spanOf(telemetry, 'tools/call look', SpanKind.CLIENT).attributes['throughline.baggage.withheld']).toBe(1);
  });

  if (hosting === 'session')
    test('and what it asks of the client starts a trace there, linked to its own', async () => {
      const client = await connect({ ask: ({ sample }) => sample('why?') }, ours, {
        ...thirdPartyTools(),
        prepare: (unconnected) => sdk.onSampling(unconnected, () => inSpan('model', async () => 'because')),
      });
      expect(text(await asAgent(() => sdk.call(client, 'ask')))).toBe('because');
      const out = spanOf(telemetry, 'sampling/createMessage', SpanKind.CLIENT);
      const into = spanOf(telemetry, 'sampling/createMessage', SpanKind.SERVER);
      expect(parentOf(out)).toBe(spanOf(telemetry, 'tools/call ask', SpanKind.SERVER).spanContext().spanId);
      expect(parentOf(into)).toBeUndefined();
      expect(into.spanContext().traceId).not.toBe(telemetry.find('agent').spanContext().traceId);
      expect(linksOf(into)).toEqual([out.spanContext().spanId]);
      expect(parentOf(telemetry.find('model'))).toBe(into.spanContext().spanId);
    });
});
