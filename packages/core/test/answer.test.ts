import { SpanKind } from '@opentelemetry/api';
import {
  httpHeaders,
  hopSettings,
  messageHeaders,
  metaFields,
  nodeHeaders,
  parseTraceparent,
  startInbound,
  startOutbound,
} from '@throughline/core/adapter';
import type { HopOptions, Peer, Target } from '@throughline/core';
import type { InboundHop, OutboundHop } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const settings = (options?: HopOptions) => hopSettings(options, { name: '@throughline/test', version: '1.0.0' });

function http(headers: Record<string, string> = {}, more: Partial<InboundHop> = {}): InboundHop {
  return {
    transport: 'http',
    name: 'in',
    kind: SpanKind.SERVER,
    carrier: { traceparent, ...headers },
    reader: nodeHeaders,
    http: 'request',
    peer: { address: '10.0.0.7' },
    ...more,
  };
}

function answerOf(hop: InboundHop, options?: HopOptions): string | undefined {
  const received = startInbound(hop, settings({ inbound: 'restart-with-link', ...options }));
  received.end();
  return 'answer' in received ? received.answer : undefined;
}

describe('what a receiver that restarts a trace answers', () => {
  it('is its own new context, in the form of W3C’s `traceresponse`', () => {
    const answer = answerOf(http());
    const { traceId: own, spanId } = telemetry.find('in').spanContext();
    expect(answer).toBe(`00-${own}-${spanId}-01`);
  });

  test.each<[string, InboundHop, HopOptions?]>([
    ['a loopback address', http({}, { peer: { address: '::ffff:127.0.0.1' } })],
    ['a unique local address', http({}, { peer: { address: 'fd00::1' } })],
    [
      'an authenticated peer anywhere',
      http({ forwarded: 'for=1.2.3.4' }, { peer: { address: '203.0.113.9' } }),
      { authenticated: () => true },
    ],
    ['a peer that its adapter authenticated', http({}, { peer: { authenticated: true } })],
    ['in memory', http({}, { channel: 'memory', http: undefined })],
    ['over stdio', http({}, { reader: metaFields, http: undefined, peer: {} })],
    ['a stranger, when forced', http({}, { peer: { address: '203.0.113.9' } }), { answer: true }],
  ])('goes to %s', (_name, hop, options) => {
    expect(parseTraceparent(answerOf(hop, options))).toBeDefined();
  });

  test.each<[string, InboundHop, HopOptions?]>([
    ['a public address', http({}, { peer: { address: '203.0.113.9' } })],
    ['an unknown address', http({}, { peer: {} })],
    ['what is no address', http({}, { peer: { address: 'unknown' } })],
    ['a link-local address', http({}, { peer: { address: '169.254.171.1' } })],
    ['a link-local address of IPv6', http({}, { peer: { address: 'fe80::1%eth0' } })],
    ['an address that begins like a private one', http({}, { peer: { address: 'fc::1' } })],
    ['somebody behind a proxy', http({ 'x-forwarded-for': '10.0.0.1' })],
    ['somebody behind a proxy (RFC 7239)', http({ forwarded: 'for=10.0.0.1' })],
    ['a private address that is not authenticated', http(), { authenticated: () => false }],
    ['a private address of which nobody knows', http(), { authenticated: () => undefined }],
    ['a peer that is said to be a stranger', http({}, { channel: 'process', http: undefined }), { firstParty: false }],
    ['anybody, when off', http(), { answer: false }],
    ['a peer whose trace goes on', http(), { inbound: 'continue' }],
    ['a peer whose trace is not linked', http(), { inbound: 'restart', answer: true }],
    ['a peer that offered none', http({ traceparent: 'x' }), { answer: true }],
    ['anybody, without a span', http(), { spans: false, answer: true }],
  ])('does not go to %s', (_name, hop, options) => {
    expect(answerOf(hop, options)).toBeUndefined();
  });
});

describe('what a caller makes of an answer', () => {
  const other = `00-1${traceId.slice(1)}-b7ad6b7169203332-01`;
  const host = (name: string): Target => ({ transport: 'http', channel: 'host', host: name });

  function linksAfter(value: unknown, target: Target = host('planner.internal'), options?: HopOptions): string[] {
    const outbound: OutboundHop = { transport: 'http', name: 'out', kind: SpanKind.CLIENT, target };
    const sending = startOutbound(outbound, settings(options));
    if ('answered' in sending) sending.answered(value);
    sending.end();
    if ('answered' in sending) sending.answered(value);
    return telemetry.find('out').links.map(({ context }) => `${context.traceId}-${context.spanId}`);
  }

  it('links it, once', () => {
    expect(linksAfter(other)).toEqual([`1${traceId.slice(1)}-b7ad6b7169203332`]);
  });

  test.each([undefined, null, 7, '', 'x', `${other}, ${other}`, [other], '00---01', other.slice(0, -2) + '00'])(
    'does not link %j',
    (value) => {
      expect(linksAfter(value)).toEqual([]);
    },
  );

  it('does not link its own trace', () => {
    const outbound: OutboundHop = { transport: 'http', name: 'out', kind: SpanKind.CLIENT, target: host('planner') };
    const sending = startOutbound(outbound, settings());
    if ('answered' in sending) sending.answered(`00-${sending.span.spanContext().traceId}-b7ad6b7169203332-01`);
    sending.end();
    expect(telemetry.find('out').links).toEqual([]);
  });

  it('believes first parties alone, unless told otherwise', () => {
    expect(linksAfter(other, host('tools.example.org'))).toEqual([]);
  });
  it('believes everybody under `answer: true`', () => {
    expect(linksAfter(other, host('tools.example.org'), { answer: true })).toHaveLength(1);
  });
  it('believes nobody under `answer: false`', () => {
    expect(linksAfter(other, host('planner'), { answer: false })).toEqual([]);
  });
});

describe('the peer that a policy is asked about', () => {
  function peerOf(hop: InboundHop, options?: HopOptions): Peer {
    const seen: Peer[] = [];
    startInbound(hop, settings({ ...options, inbound: (peer) => (seen.push(peer), 'continue') })).end();
    return seen[0] as Peer;
  }

  it('has the headers of every kind of carrier, in any letter case, for reading alone', () => {
    const bytes = new TextEncoder().encode('acme');
    const carriers: [InboundHop['reader'], unknown][] = [
      [nodeHeaders, { 'x-tenant': 'acme' }],
      [httpHeaders, new Headers({ 'X-Tenant': 'acme' })],
      [messageHeaders, { 'X-Tenant': bytes }],
      [messageHeaders, new Map([['x-tenant', bytes]])],
    ];
    for (const [reader, carrier] of carriers) {
      const { headers } = peerOf({ ...http(), reader, carrier, http: undefined });
      expect(headers.get('X-Tenant')).toBe('acme');
      expect([headers.get('constructor'), headers.get('__proto__'), headers.get('none')]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(Object.keys(headers)).toEqual([]);
    }
    expect(peerOf({ ...http(), carrier: { accept: ['a', 'b'] } }).headers.get('accept')).toBe('a, b');
  });

  it('takes nothing in `_meta` for a header: whoever sends writes it', () => {
    const meta = { authorization: 'Bearer good' };
    for (const channel of ['host', 'process', 'memory'] as const) {
      const hop = { ...http(), reader: metaFields, carrier: meta, http: undefined, channel };
      expect(peerOf(hop).headers.get('authorization')).toBeUndefined();
    }
  });

  it('has those of the HTTP request that brought an MCP message', () => {
    const fallback = { carrier: { authorization: 'Bearer x' }, reader: httpHeaders };
    const { headers, channel } = peerOf({ ...http(), carrier: {}, reader: metaFields, http: 'payload', fallback });
    expect([headers.get('authorization'), channel]).toEqual(['Bearer x', 'host']);
  });

  it('is authenticated before it is asked about, and counts as not where that fails', () => {
    expect(peerOf(http(), { authenticated: (peer) => peer.address === '10.0.0.7' }).authenticated).toBe(true);
    expect(peerOf(http()).authenticated).toBeUndefined();
    const fails = () => {
      throw new Error('no key yet');
    };
    expect(peerOf(http(), { authenticated: fails }).authenticated).toBe(false);
    const later = (() => Promise.resolve(true)) as unknown as () => boolean;
    expect(peerOf(http(), { authenticated: later }).authenticated).toBe(false);
    expect(peerOf(http({}, { peer: { authenticated: true } }), { authenticated: () => undefined }).authenticated).toBe(
      true,
    );
  });
});
