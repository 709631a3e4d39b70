import { SpanKind, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inFlightKey } from '../src/transport.ts';
import { host } from './http-host.ts';
import type { HttpHost } from './http-host.ts';
import { v1, v2 } from './sdk.ts';
import type { Tool } from './sdk.ts';
import { inSpan, parentOf } from './spans.ts';

// The revision of 2025-03-26 alone has batches; servers of both SDKs still take them.
const spec = 'https://modelcontextprotocol.io/specification/2025-03-26/basic#batching';

interface Sent {
  readonly jsonrpc: '2.0';
  readonly id?: string | number;
  readonly method: string;
  readonly params?: object;
}
interface Answer {
  readonly id: string | number;
  readonly result?: { readonly isError?: boolean; readonly content?: { readonly text: string }[] };
  readonly error?: { readonly code: number };
}

const tools: Record<string, Tool> = {
  // What is asked for last is answered first.
  work: ({ text: at }) =>
    inSpan(`work ${at}`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 40 - 2 * Number(at)));
      return `${at} in ${trace.getActiveSpan()?.spanContext().traceId}`;
    }),
  fail: () => {
    throw new Error('no');
  },
};

/** The context that the request number `at` of a batch carries: of a trace of its own. */
const traceIdOf = (at: number): string => `0af7651916cd43dd8448eb211c8${String(at).padStart(5, '0')}`;
const parentIdOf = (at: number): string => `b7ad6b71692${String(at).padStart(5, '0')}`;
const metaOf = (at: number): object => ({ _meta: { traceparent: `00-${traceIdOf(at)}-${parentIdOf(at)}-01` } });
const call = (id: string | number, at: number, meta: object = metaOf(at)): Sent => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'work', arguments: { text: String(at) }, ...meta },
});

let telemetry: Telemetry;
let served: HttpHost;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await served.close();
  await telemetry.shutdown();
});

const cases = [
  { sdk: v1, hosting: 'stateless' as const },
  { sdk: v1, hosting: 'session' as const },
  { sdk: v2(), hosting: 'stateless' as const },
  { sdk: v2(), hosting: 'session' as const },
  { sdk: v2(), hosting: 'handler' as const },
].flatMap((row) =>
  // v2's entry for both eras decides by itself how it answers.
  (row.hosting === 'handler' ? [false] : [false, true]).map((json) => ({
    ...row,
    json,
    title: `${row.sdk.name}, ${row.hosting}, answers ${json ? 'as JSON' : 'as events'}`,
  })),
);

describe.each(cases)('$title: a batch', ({ sdk, hosting, json }) => {
  let session: string | null = null;
  async function post(body: Sent | readonly Sent[], headers: Record<string, string> = {}): Promise<Response> {
    return fetch(served.url, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-03-26',
        ...(session === null ? undefined : { 'mcp-session-id': session }),
        ...headers,
      },
    });
  }
  async function answersTo(batch: readonly Sent[], headers?: Record<string, string>): Promise<Answer[]> {
    const response = await post(batch, headers);
    expect(response.status).toBe(200);
    const body = await response.text();
    if (json) return JSON.parse(body) as Answer[];
    return body
      .split('\n')
      .filter((line) => line.startsWith('data: {'))
      .map((line) => JSON.parse(line.slice('data: '.length)) as Answer);
  }
  beforeEach(async () => {
    served = await host(sdk, hosting, tools, { json });
    session = null;
    if (hosting !== 'session') return;
    const clientInfo = { name: 'old', version: '1.0.0' };
    const params = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo };
    const initialized = await post({ jsonrpc: '2.0', id: 'first', method: 'initialize', params });
    session = initialized.headers.get('mcp-session-id');
    await initialized.text();
    await post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    await telemetry.reset();
  });
  const serverSpans = (): ReadableSpan[] => telemetry.spans().filter(({ kind }) => kind === SpanKind.SERVER);
  const byRequestId = (id: string): ReadableSpan[] =>
    serverSpans().filter(({ attributes }) => attributes['jsonrpc.request.id'] === id);
  const inFlight = (): number[] => served.transports.map((end) => (end as { [inFlightKey]: number })[inFlightKey]);

  test(`has a SERVER span for each request, with the parent that this one carries, and each answer: ${spec}`, async () => {
    const count = 20;
    const batch = Array.from({ length: count }, (_, at) => call(at % 2 === 0 ? at : `s${at}`, at));
    const answers = await answersTo(batch);
    const texts = answers.map(({ id, result }) => [id, result?.content?.[0]?.text]);
    const wanted = batch.map(({ id }, at) => [id, `${at} in ${traceIdOf(at)}`]);
    expect(new Map(texts as never)).toEqual(new Map(wanted as never));
    expect(answers).toHaveLength(count);
    // An answer carries nothing.
    expect(JSON.stringify(answers)).not.toContain('trace');

    expect(serverSpans()).toHaveLength(count);
    for (const [at, { id }] of batch.entries()) {
      const [into] = byRequestId(String(id));
      expect(into?.spanContext().traceId).toBe(traceIdOf(at));
      expect(parentOf(into as ReadableSpan)).toBe(parentIdOf(at));
      expect(into?.attributes).not.toHaveProperty('error.type');
      expect(parentOf(telemetry.find(`work ${at}`))).toBe(into?.spanContext().spanId);
    }
    expect(inFlight().filter((open) => open > 0)).toEqual([]);
  });

  test('may have the ids 1 and "1" in it, which are two requests', async () => {
    const answers = await answersTo([call(1, 1), call('1', 2)]);
    expect(new Map(answers.map(({ id, result }) => [id, result?.content?.[0]?.text]))).toEqual(
      new Map<unknown, string>([
        [1, `1 in ${traceIdOf(1)}`],
        ['1', `2 in ${traceIdOf(2)}`],
      ]),
    );
    const told = byRequestId('1').map((span) => [parentOf(span), span.attributes['error.type']]);
    expect(new Map(told as never)).toEqual(
      new Map([
        [parentIdOf(1), undefined],
        [parentIdOf(2), undefined],
      ]),
    );
  });

  test('of requests, notifications and what goes wrong: nobody gets the context of a neighbour', async () => {
    const header = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answers = await answersTo(
      [
        call(1, 1),
        { jsonrpc: '2.0', method: 'notifications/roots/list_changed', params: metaOf(7) },
        call(2, 2, {}),
        call(3, 3, { _meta: { traceparent: 'nonsense', tracestate: 7 } }),
        { jsonrpc: '2.0', id: 4, method: 'tools/call', params: { name: 'fail', arguments: {}, ...metaOf(4) } },
        { jsonrpc: '2.0', id: 5, method: 'no/such', params: metaOf(5) },
        { jsonrpc: '2.0', id: 6, method: 'ping', params: metaOf(6) },
      ],
      { traceparent: header },
    );
    expect(answers.map(({ id }) => Number(id)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    const told = Object.fromEntries(
      [1, 2, 3, 4, 5].map((id) => {
        const [span] = byRequestId(String(id));
        return [id, [span?.spanContext().traceId, parentOf(span as ReadableSpan), span?.attributes['error.type']]];
      }),
    );
    // Without a context of its own, that of the POST is a request's.
    const ofPost = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7', undefined];
    expect(told).toEqual({
      1: [traceIdOf(1), parentIdOf(1), undefined],
      2: ofPost,
      3: ofPost,
      4: [traceIdOf(4), parentIdOf(4), 'tool_error'],
      // Which method there is, is the caller's mistake.
      5: [traceIdOf(5), parentIdOf(5), undefined],
    });
    expect(answers.find(({ id }) => id === 5)?.error?.code).toBe(-32601);
    expect(answers.find(({ id }) => id === 4)?.result?.isError).toBe(true);
    expect(serverSpans()).toHaveLength(5);
    expect(inFlight().filter((open) => open > 0)).toEqual([]);
  });
});
