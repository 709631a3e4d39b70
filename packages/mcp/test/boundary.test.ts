import { trace, TraceFlags } from '@opentelemetry/api';
import { edgeSampler } from '@throughline/core/sdk';
import type { Peer } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, describe, expect, test } from 'vitest';
import { extractContext, traceClient, traceServer, traceToolHandler } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { host } from './http-host.ts';
import { text, v1, v2 } from './sdk.ts';
import { inSpan } from './spans.ts';

const meta = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
let telemetry: Telemetry;
afterEach(() => telemetry.shutdown());

describe.each([v1, v2(), v2(true)])('$name: the peer that a policy is asked about', (sdk) => {
  const seen: Peer[] = [];
  const inbound: McpOptions['inbound'] = (peer) => {
    if (peer.name === 'tools/call') seen.push(peer);
    return 'continue';
  };
  afterEach(() => void seen.splice(0));

  test('in memory', async () => {
    telemetry = startTelemetry();
    const server = traceServer(sdk.server({ add: () => 'done' }), { inbound });
    const client = traceClient(sdk.client());
    const [near, far] = sdk.memory();
    await server.connect(far as never);
    await client.connect(near as never);
    await inSpan('agent', () => sdk.call(client, 'add'));
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ transport: 'mcp', channel: 'memory', name: 'tools/call' });
    // `_meta` is no header.
    expect(seen[0]?.headers.get('traceparent')).toBeUndefined();
    expect(seen[0]?.authenticated).toBeUndefined();
    await client.close();
  });

  test('over HTTP: the headers are those of the request, which `authenticated` may go by', async () => {
    telemetry = startTelemetry();
    const served = await host(
      sdk,
      sdk.key === 'v2-modern' ? 'handler' : 'session',
      { add: () => 'done' },
      {
        inbound,
        authenticated: ({ headers }) => headers.get('X-Key') === 'good',
      },
    );
    const fetchWithKey: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('x-key', 'good');
      return fetch(input, { ...init, headers });
    };
    const client = traceClient(sdk.client());
    await client.connect(sdk.http(served.url, { fetch: fetchWithKey }) as never);
    await sdk.call(client, 'add');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ channel: 'host', name: 'tools/call', authenticated: true });
    expect(seen[0]?.request).toBeDefined();
    await client.close();
    await served.close();
  });
});

describe('whose sampled flag counts', () => {
  const flagIn = (metaOrExtra: unknown, options?: McpOptions): number => {
    telemetry = startTelemetry({ sampler: edgeSampler({ ratio: 0 }) });
    const span = trace.getTracer('test').startSpan('work', {}, extractContext(metaOrExtra, options));
    return span.spanContext().traceFlags & TraceFlags.SAMPLED;
  };
  const extra = { requestId: 1, signal: new AbortController().signal, _meta: meta };

  test.each<[string, unknown, McpOptions | undefined, number]>([
    ['a `_meta` of unknown origin', meta, undefined, 0],
    ['a `_meta` that is said to come over stdio', meta, { peer: { channel: 'process' } }, 1],
    ['a `_meta` whose sender is authenticated', meta, { authenticated: () => true }, 1],
    ['a handler over stdio or in memory, SDK v1', extra, undefined, 1],
    ['a handler over HTTP, SDK v1', { ...extra, requestInfo: { headers: {} } }, undefined, 0],
    [
      'a handler whose caller has a token, SDK v1',
      { ...extra, requestInfo: { headers: {} }, authInfo: {} },
      undefined,
      1,
    ],
    ['a handler over stdio or in memory, SDK v2', { mcpReq: { _meta: meta } }, undefined, 1],
    ['a handler over HTTP, SDK v2', { mcpReq: { _meta: meta }, http: { req: new Request('http://a') } }, undefined, 0],
    [
      'a handler whose caller has a token, SDK v2',
      { mcpReq: { _meta: meta }, http: { req: new Request('http://a'), authInfo: {} } },
      undefined,
      1,
    ],
  ])('%s', (_name, metaOrExtra, options, flag) => {
    expect(flagIn(metaOrExtra, options)).toBe(flag);
  });
});

test('a handler that is traced by itself answers for a restarted trace, in a copy of its result', async () => {
  telemetry = startTelemetry();
  const result = Object.freeze({ content: [{ type: 'text', text: 'done' }], _meta: Object.freeze({ own: 1 }) });
  const traced = traceToolHandler(async (_extra: unknown) => result, { name: 'add', inbound: 'restart-with-link' });
  const answered = await traced({ requestId: 1, signal: new AbortController().signal, _meta: meta });
  const { traceId, spanId } = telemetry.find('tools/call add').spanContext();
  expect(answered._meta).toEqual({ own: 1, traceresponse: `00-${traceId}-${spanId}-01` });
  expect(result._meta).toEqual({ own: 1 });
  expect(text(answered as never)).toBe('done');
});
