import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { contextFromEnv, currentLineage } from '@throughline/core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { extractContext, injectMeta, traceClient, traceEnv, traceServer } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { text, v1, v2 } from './sdk.ts';
import { inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

// Lineage goes where trace context goes: of 32 hops at most this is the first, without a deadline, a budget or a named agent.
const oneHop = 'throughline.lineage=1.1.32.1.-.-.-';
const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const proto = JSON.parse('{"__proto__": {"polluted": true}, "keep": 1}') as Record<string, unknown>;
const hostile: [string, Record<string, unknown>][] = [
  ['a number', { traceparent: 123 }],
  ['null', { traceparent: null, tracestate: null, baggage: null }],
  ['an array', { traceparent: [valid], baggage: ['a=1'] }],
  ['an object', { traceparent: { toString: 'x' }, tracestate: {} }],
  ['nonsense', { traceparent: 'nonsense' }],
  ['two joined by a comma', { traceparent: `${valid}, ${valid}` }],
  ['zeros', { traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01` }],
  ['megabytes', { traceparent: 'a'.repeat(1_000_000) }],
  ['control characters', { traceparent: `${valid}\r\n` }],
  ['a numeric baggage', { baggage: 7 }],
  ['megabytes of baggage', { baggage: 'a=1,'.repeat(250_000) }],
  ['a __proto__', proto],
];

describe.each([v1, v2()])('$name: what a peer may put into _meta', (sdk) => {
  test.each(hostile)('%s fails no request, and gives a fresh trace', async (_, meta) => {
    const server = traceServer(sdk.server({ add: () => 'done' }));
    const client = sdk.client();
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    expect(text(await sdk.call(client, 'add', undefined, undefined, meta))).toBe('done');
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(parentOf(into)).toBeUndefined();
    expect(into.attributes).not.toHaveProperty('error.type');
    expect((server.server.transport as { [inFlightKey]: number })[inFlightKey]).toBe(0);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    await client.close();
  });

  test.each(hostile)('%s in what a caller relays is not passed on beside a fresh context', async (_, meta) => {
    let offered: Record<string, unknown> | undefined;
    const server = sdk.server({
      add: (call) => {
        offered = call.meta;
        return 'done';
      },
    });
    const client = traceClient(sdk.client());
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    await telemetry.reset();
    await sdk.call(client, 'add', undefined, undefined, Object.freeze(meta));
    const out = spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).spanContext();
    expect(String(offered?.['traceparent']).slice(0, 52)).toBe(`00-${out.traceId}-${out.spanId}`);
    expect(offered).not.toHaveProperty('tracestate');
    expect(offered).not.toHaveProperty('baggage');
    if (meta === proto) expect(offered?.['keep']).toBe(1);
    await client.close();
  });

  test('progress tokens and ids that are in nobody’s book break nothing', async () => {
    const server = traceServer(sdk.server({ add: () => 'done' }));
    const client = traceClient(sdk.client());
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    const raw = server.server.transport as { send(message: unknown): Promise<void> };
    for (const message of [
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'nobody', progress: 1 } },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 99 } },
      {
        jsonrpc: '2.0',
        method: 'notifications/message',
        params: { level: 'info', data: 1, _meta: { traceparent: 7 } },
      },
      { jsonrpc: '2.0', id: 77, result: {} },
      { jsonrpc: '2.0', id: '77', error: { code: 'x', message: 7 } },
    ]) {
      await raw.send(message);
    }
    expect(text(await sdk.call(client, 'add'))).toBe('done');
    await client.close();
  });

  test('a second request with the id of one that is not answered ends the first', async () => {
    const server = traceServer(sdk.server({ hang: () => new Promise(() => {}) }));
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await a.start();
    const send = a.send as (message: unknown) => Promise<void>;
    const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'hang', arguments: {} } };
    await send.call(a, {
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    });
    await send.call(a, call);
    await send.call(a, { ...call, id: '7' });
    await send.call(a, call);
    const end = server.server.transport as { [inFlightKey]: number };
    // 7 and '7' are two requests.
    await expect.poll(() => end[inFlightKey]).toBe(2);
    expect(telemetry.spans().filter((span) => span.attributes['error.type'] === 'duplicate_request_id')).toHaveLength(
      1,
    );
    await server.close();
    expect(end[inFlightKey]).toBe(0);
  });
});

describe('injectMeta', () => {
  test('returns a copy with the fields of the active context', async () => {
    const meta = Object.freeze({ mine: 1, traceparent: 'old', Tracestate: 'old=1' });
    const injected = await inSpan('agent', async () => injectMeta(meta));
    const { traceId, spanId } = telemetry.find('agent').spanContext();
    expect(injected).toEqual({
      mine: 1,
      baggage: oneHop,
      traceparent: expect.stringMatching(`^00-${traceId}-${spanId}-0[0-3]$`),
    });
    expect(meta).toEqual({ mine: 1, traceparent: 'old', Tracestate: 'old=1' });
  });

  test('without a span it writes no traceparent and leaves a valid one', () => {
    expect(injectMeta()).toEqual({});
    expect(injectMeta({ traceparent: valid, baggage: 7 })).toEqual({ traceparent: valid, baggage: oneHop });
  });

  test('throws for a chain past its limits where lineage enforces them', () => {
    const started = contextFromEnv({ TRACEPARENT: valid, BAGGAGE: 'throughline.lineage=1.32.32.1.-.-.-' });
    const refused = expect.objectContaining({ code: 'ERR_THROUGHLINE_REFUSED', reason: 'hops' }) as Error;
    context.with(started, () => {
      expect(() => injectMeta({}, { lineage: { mode: 'enforce' } })).toThrow(refused);
      expect(injectMeta()).toHaveProperty('traceparent');
    });
  });

  test('baggage goes to first parties alone', () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => {
      expect(injectMeta()).toEqual({});
      expect(injectMeta({}, { firstParty: true })).toEqual({ baggage: 'tenant=blue' });
      expect(injectMeta({}, { peer: { channel: 'host', host: 'search.internal' } })).toEqual({
        baggage: 'tenant=blue',
      });
    });
  });
});

describe('extractContext', () => {
  test('takes _meta, the extra of v1 and the ctx of v2', () => {
    const _meta = { traceparent: valid, baggage: 'tenant=blue' };
    for (const given of [_meta, { requestId: 1, signal: null, _meta }, { mcpReq: { id: 1, _meta } }]) {
      const extracted = extractContext(given);
      expect(trace.getSpanContext(extracted)).toMatchObject({
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        isRemote: true,
      });
      expect(propagation.getBaggage(extracted)?.getEntry('tenant')?.value).toBe('blue');
    }
  });

  test('is total: whatever it is given, it returns a context', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withTypedArray: true }), (anything) => {
        expect(trace.getSpanContext(extractContext(anything))).toBeUndefined();
        expect(trace.getSpanContext(extractContext({ traceparent: anything, baggage: anything }))).toBeUndefined();
      }),
    );
  });

  test('refuses nothing, and keeps the place in the chain', () => {
    const given = { traceparent: valid, baggage: 'throughline.lineage=1.40.32.1.-.-.-' };
    const extracted = extractContext(given, { lineage: { mode: 'enforce' } });
    expect(trace.getSpanContext(extracted)?.spanId).toBe('b7ad6b7169203331');
    expect(currentLineage(extracted)).toMatchObject({ hops: 40, maxHops: 32 });
  });

  test('ignores what is ambient', async () => {
    await inSpan('ambient', async () => expect(trace.getSpanContext(extractContext({}))).toBeUndefined());
  });
});

describe('traceEnv', () => {
  test('returns a copy with TRACEPARENT of the active span, and no baggage for a third party', async () => {
    const env = Object.freeze({ PATH: '/bin', TRACESTATE: 'old=1' });
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    const [theirs, ours] = await inSpan('spawn', async () =>
      context.with(propagation.setBaggage(context.active(), baggage), () => [
        traceEnv(env),
        traceEnv(env, { firstParty: true }),
      ]),
    );
    const { traceId, spanId } = telemetry.find('spawn').spanContext();
    const TRACEPARENT = expect.stringMatching(`^00-${traceId}-${spanId}-0[0-3]$`) as string;
    // Lineage goes where trace context goes.
    const BAGGAGE = expect.stringMatching(/^throughline\.lineage=[^,]+$/) as string;
    expect(theirs).toEqual({ PATH: '/bin', TRACEPARENT, BAGGAGE });
    const all = expect.stringMatching(/^throughline\.lineage=[^,]+,tenant=blue$/) as string;
    expect(ours).toEqual({ PATH: '/bin', TRACEPARENT, BAGGAGE: all });
  });

  test('takes nothing from the environment of this process, and says so where it is handed none', async () => {
    await inSpan('spawn', async () => expect(Object.keys(traceEnv({})).toSorted()).toEqual(['BAGGAGE', 'TRACEPARENT']));
    const refused = expect.objectContaining({ code: 'ERR_THROUGHLINE_ARGUMENT' }) as Error;
    expect(() => traceEnv(undefined as never)).toThrow(refused);
  });

  test('a chain past its limits spawns nothing where lineage enforces them', () => {
    const started = contextFromEnv({ TRACEPARENT: valid, BAGGAGE: 'throughline.lineage=1.32.32.1.-.-.-' });
    const refused = expect.objectContaining({ code: 'ERR_THROUGHLINE_REFUSED' }) as Error;
    context.with(started, () => {
      expect(() => traceEnv({}, { lineage: { mode: 'enforce' } })).toThrow(refused);
    });
  });

  test('without a span what is there stays', () => {
    expect(traceEnv({})).toEqual({});
    expect(traceEnv({ TRACEPARENT: valid })).toEqual({ TRACEPARENT: valid });
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => {
      expect(traceEnv({}, { firstParty: true })).toEqual({ BAGGAGE: 'tenant=blue' });
      expect(traceEnv({ TRACEPARENT: valid }, { firstParty: true })).toEqual({ TRACEPARENT: valid });
    });
  });
});
