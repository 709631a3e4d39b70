import { SpanKind } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { McpOptions } from '../src/index.ts';
import { host } from './http-host.ts';
import type { HttpHost } from './http-host.ts';
import { text, v1, v2 } from './sdk.ts';
import type { TestClient } from './sdk.ts';
import { look } from './seen.ts';
import type { Seen } from './seen.ts';
import { parentOf, spanOf } from './spans.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-01`;
// Of a version to come, which may say more: https://www.w3.org/TR/trace-context-2/#versioning-of-traceparent
const later = (bytes: number): string => `cc-${traceId}-${spanId}-01-`.padEnd(bytes, 'x');
const members = (count: number, of: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => of(at)).join(',');

let telemetry: Telemetry;
let served: HttpHost;
let client: TestClient;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await client.close();
  await served.close();
  await telemetry.shutdown();
});

// No header carries these: HTTP's own caps do not help, and the SDKs take a body of 4 MiB.
describe.each([v1, v2(), v2(true)])('$name over Streamable HTTP: what is read of a _meta', (sdk) => {
  async function told(meta: Record<string, unknown>, options: McpOptions = {}): Promise<Seen> {
    served = await host(sdk, sdk.key === 'v2-modern' ? 'handler' : 'session', { look }, options);
    client = sdk.client();
    await client.connect(sdk.http(served.url) as never);
    await telemetry.reset();
    return JSON.parse(text(await sdk.call(client, 'look', undefined, undefined, meta))) as Seen;
  }
  const into = () => spanOf(telemetry, 'tools/call look', SpanKind.SERVER);

  test('a `traceparent` of up to 8192 bytes', async () => {
    expect((await told({ traceparent: later(8192) })).traceId).toBe(traceId);
    expect(parentOf(into())).toBe(spanId);
  });

  test.each([
    ['of one byte more', later(8193)],
    ['of three megabytes', later(3_000_000)],
  ])('and none %s: the trace starts fresh', async (_, long) => {
    const seen = await told({ traceparent: long, tracestate: 'vendor=1', baggage: 'tenant=blue' });
    expect(seen.traceId).not.toBe(traceId);
    expect(seen.tracestate).toBeUndefined();
    expect(seen.baggage).toEqual({ tenant: 'blue' });
    expect(parentOf(into())).toBeUndefined();
    expect(into().attributes).not.toHaveProperty('error.type');
    expect(await telemetry.hops()).toMatchObject({ 'mcp inbound invalid': 1 });
  });

  test('a `tracestate` of up to 32 members', async () => {
    const list = members(32, (at) => `v${at}=1`);
    expect((await told({ traceparent, tracestate: list })).tracestate).toBe(list);
  });

  test.each([
    ['of 33 members', members(33, (at) => `v${at}=1`)],
    ['of more than 8192 bytes', members(32, (at) => `v${at}=${'x'.repeat(256)}`)],
    ['of three megabytes', `v=${'x'.repeat(3_000_000)}`],
  ])('and none %s; the trace goes on', async (_, list) => {
    const seen = await told({ traceparent, tracestate: list });
    expect(seen).toMatchObject({ traceId });
    expect(seen.tracestate).toBeUndefined();
  });

  test('the first 64 members of `baggage`, and of 8192 bytes those that are whole', async () => {
    const many = await told({ traceparent, baggage: members(70, (at) => `k${at}=1`) });
    expect(Object.keys(many.baggage)).toEqual(Array.from({ length: 64 }, (_, at) => `k${at}`));
    await client.close();
    await served.close();
    const long = await told({ traceparent, baggage: members(9, (at) => `k${at}=${'x'.repeat(1000)}`) });
    expect(Object.keys(long.baggage)).toEqual(Array.from({ length: 8 }, (_, at) => `k${at}`));
  });

  test('as it was sent: what would be short once it is decoded counts in full', async () => {
    const seen = await told({ traceparent, baggage: `short=1,long=${'%41'.repeat(2800)}` });
    expect(seen).toMatchObject({ traceId, baggage: { short: '1' } });
  });

  test('three megabytes of `baggage` fail no request', async () => {
    const seen = await told({ traceparent, baggage: members(700_000, () => 'a=1') });
    expect(seen).toMatchObject({ traceId, baggage: { a: '1' } });
    expect(into().attributes).not.toHaveProperty('error.type');
  });

  test('within limits of one server’s own', async () => {
    const limits = { baggageMembers: 1, tracestateMembers: 1, fieldBytes: 60 };
    const offered = { tracestate: 'a=1,b=2', baggage: 'a=1,b=2' };
    const strict = await told({ traceparent: later(61), ...offered }, { limits });
    expect(strict.traceId).not.toBe(traceId);
    expect(strict.baggage).toEqual({ a: '1' });
    await client.close();
    await served.close();
    const same = await told({ traceparent: later(60), ...offered }, { limits });
    expect(same).toMatchObject({ traceId, baggage: { a: '1' } });
    expect(same.tracestate).toBeUndefined();
  });
});
