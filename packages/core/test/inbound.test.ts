import { context, diag, DiagLogLevel, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { RPCType, setRPCMetadata, suppressTracing } from '@opentelemetry/core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { hopSettings, messageHeaders, metaFields, nodeHeaders } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import type { HopSettings, InboundHop, OutboundHop, Received } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { startInbound, startOutbound } from './admitted.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
const otherTraceparent = `00-1${traceId.slice(1)}-b7ad6b7169203332-01`;

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const settings = (options?: HopOptions): HopSettings =>
  hopSettings({ lineage: false, ...options }, { name: '@throughline/test', version: '1.0.0' });

function http(carrier: unknown, more: Partial<InboundHop> = {}): InboundHop {
  return {
    transport: 'http',
    name: 'GET',
    kind: SpanKind.SERVER,
    carrier,
    reader: nodeHeaders,
    http: 'request',
    ...more,
  };
}

function message(carrier: unknown, more: Partial<InboundHop> = {}): InboundHop {
  return {
    transport: 'kafka',
    name: 'process tasks',
    kind: SpanKind.CONSUMER,
    carrier,
    reader: messageHeaders,
    ...more,
  };
}

const outbound: OutboundHop = {
  transport: 'http',
  name: 'GET',
  kind: SpanKind.CLIENT,
  target: { transport: 'http', channel: 'host', host: 'localhost' },
};

function call(): void {
  startOutbound(outbound, settings()).end();
}

const parentOf = (received: Received) =>
  telemetry.spans().find((span) => span.spanContext().spanId === received.span.spanContext().spanId)?.parentSpanContext;

describe('inbound step 1: read the fields within the limits', () => {
  it('counts a traceparent past the limit as invalid and starts fresh', async () => {
    const received = startInbound(
      message({ traceparent: `cc-${traceId}-b7ad6b7169203331-01-${'x'.repeat(9000)}` }),
      settings(),
    );
    received.end();
    expect(received.outcome).toBe('invalid');
    expect(received.span.spanContext().traceId).not.toBe(traceId);
    expect(await telemetry.hops()).toEqual({ 'kafka inbound invalid': 1 });
  });

  it('takes limits of your own', () => {
    const received = startInbound(
      message({ traceparent, baggage: 'a=1,b=2,c=3' }),
      settings({ limits: { baggageMembers: 2 } }),
    );
    received.end();
    expect(
      propagation
        .getBaggage(received.context)
        ?.getAllEntries()
        .map(([key]) => key),
    ).toEqual(['a', 'b']);
  });

  it('says why a trace started fresh, once', () => {
    const warnings: string[] = [];
    const logger = { warn: (text: string) => warnings.push(text), debug() {}, error() {}, info() {}, verbose() {} };
    diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
    try {
      const once = { transport: 'once-only' };
      startInbound(message({ traceparent: 'broken' }, once), settings()).end();
      startInbound(message({ traceparent: 'broken' }, once), settings()).end();
    } finally {
      diag.disable();
    }
    expect(warnings.filter((text) => text.includes('once-only'))).toHaveLength(1);
  });
});

describe('inbound step 2: extract onto an empty base', () => {
  it('an invalid field never falls back to a stale ambient parent', () => {
    trace.getTracer('test').startActiveSpan('consumer.run()', (stale) => {
      const received = startInbound(message({ traceparent: 'broken' }), settings());
      expect(received.span.spanContext().traceId).not.toBe(stale.spanContext().traceId);
      received.end();
      expect(parentOf(received)).toBeUndefined();
      stale.end();
    });
  });

  it('brings no ambient baggage along', () => {
    const ambient = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ stale: { value: '1' } }));
    const received = context.with(ambient, () =>
      startInbound(message({ traceparent, baggage: 'fresh=1' }), settings()),
    );
    received.end();
    expect(
      propagation
        .getBaggage(received.context)
        ?.getAllEntries()
        .map(([key]) => key),
    ).toEqual(['fresh']);
  });
});

describe('inbound step 3: the ambient context', () => {
  it('counts only with an HTTP request, and only when it carries that request’s RPCMetadata', () => {
    const server = trace.getTracer('test').startSpan('GET', { kind: SpanKind.SERVER });
    const ambient = httpContext(server);
    const payload: Partial<InboundHop> = {
      transport: 'mcp',
      name: 'tools/call x',
      reader: metaFields,
      http: 'payload',
    };
    const [within, besideHttp, plain] = [
      context.with(ambient, () => startInbound(http({}, payload), settings())),
      context.with(ambient, () => startInbound(message({}), settings())),
      context.with(trace.setSpan(ROOT_CONTEXT, server), () => startInbound(http({}, payload), settings())),
    ];
    for (const received of [within, besideHttp, plain]) received.end();
    expect(parentOf(within)?.spanId).toBe(server.spanContext().spanId);
    expect(within.outcome).toBe('continued');
    expect(parentOf(besideHttp)).toBeUndefined();
    expect(parentOf(plain)).toBeUndefined();
  });

  it('does not count the request that listen() was called in, once that is over', () => {
    const over = trace.getTracer('test').startSpan('GET', { kind: SpanKind.SERVER });
    over.end();
    const received = context.with(httpContext(over), () => startInbound(http({}), settings()));
    received.end();
    expect(received.joined).toBe(false);
    expect(parentOf(received)).toBeUndefined();
  });

  it('a valid _meta is the parent and the HTTP span is linked; without one the HTTP span is the parent, then the headers', () => {
    const payload: Partial<InboundHop> = {
      transport: 'mcp',
      reader: metaFields,
      http: 'payload',
      fallback: { carrier: { traceparent: otherTraceparent }, reader: nodeHeaders },
    };
    const server = startInbound(http({}), settings());
    const withMeta = context.with(server.context, () => startInbound(http({ traceparent }, payload), settings()));
    const withoutMeta = context.with(server.context, () => startInbound(http({}, payload), settings()));
    const headersOnly = startInbound(http({}, payload), settings());
    for (const received of [withMeta, withoutMeta, headersOnly, server]) received.end();
    expect(parentOf(withMeta)?.spanId).toBe('b7ad6b7169203331');
    const links = telemetry
      .spans()
      .find((span) => span.spanContext().spanId === withMeta.span.spanContext().spanId)?.links;
    expect(links?.map((link) => link.context.spanId)).toEqual([server.span.spanContext().spanId]);
    expect(parentOf(withoutMeta)?.spanId).toBe(server.span.spanContext().spanId);
    expect(parentOf(headersOnly)?.spanId).toBe('b7ad6b7169203332');
  });

  it('a _meta with an invalid traceparent continues by the HTTP request, and is not said to start fresh', async () => {
    const told = vi.spyOn(diag, 'warn');
    const causes = (globalThis as { [key: symbol]: Set<string> | undefined })[Symbol.for('throughline.warnings')];
    causes?.delete('invalid:mcp');
    causes?.delete('invalid:mcp:http');
    const offers = (headers: Record<string, string>): InboundHop =>
      http(
        { traceparent: 'x' },
        {
          transport: 'mcp',
          reader: metaFields,
          http: 'payload',
          fallback: { carrier: headers, reader: nodeHeaders },
        },
      );
    const byHeaders = startInbound(offers({ traceparent: otherTraceparent }), settings());
    const server = startInbound(http({}), settings());
    const bySpan = context.with(server.context, () => startInbound(offers({}), settings()));
    for (const received of [byHeaders, bySpan, server]) received.end();
    expect(parentOf(byHeaders)?.spanId).toBe('b7ad6b7169203332');
    expect(parentOf(bySpan)?.spanId).toBe(server.span.spanContext().spanId);
    expect(await telemetry.hops()).toEqual({ 'mcp inbound continued': 2, 'http inbound started': 1 });
    expect(told.mock.calls.map(([line]) => line)).toEqual([
      'throughline: a mcp hop offered a `traceparent` that is not valid; the trace of the HTTP request that brought it counts instead.',
    ]);
    await telemetry.reset();

    startInbound(offers({ traceparent: 'y' }), settings()).end();
    startInbound(http({}, { ...offers({ traceparent: 'y' }), carrier: {} }), settings()).end();
    context.with(server.context, () => startInbound(offers({}), settings({ inbound: 'restart' }))).end();
    expect(await telemetry.hops()).toEqual({ 'mcp inbound invalid': 3 });
    expect(told).toHaveBeenCalledTimes(2);
    expect(told).toHaveBeenLastCalledWith(expect.stringContaining('starts fresh'));
    told.mockRestore();
  });

  it.each([
    ['beside headers', { traceparent: otherTraceparent, baggage: 'a=header' }, { baggage: 'a=meta' }, 'meta'],
    ['beside bare headers', {}, { baggage: 'a=meta' }, 'meta'],
    ['and an invalid traceparent', {}, { baggage: 'a=meta', traceparent: 'x' }, 'meta'],
    ['missing, the headers’', { baggage: 'a=header' }, {}, 'header'],
  ])('the baggage of a _meta without a trace counts: %s', (_, headers, meta, value) => {
    const fallback = { carrier: headers, reader: nodeHeaders };
    const received = startInbound(
      http(meta, { transport: 'mcp', reader: metaFields, http: 'payload', fallback }),
      settings(),
    );
    received.end();
    expect(parentOf(received)?.spanId).toBe('traceparent' in headers ? 'b7ad6b7169203332' : undefined);
    expect(propagation.getBaggage(received.context)?.getEntry('a')?.value).toBe(value);
  });
});

describe('inbound step 4: the boundary policy', () => {
  it.each([
    ['continue', traceId, 'b7ad6b7169203331', 0, 'continued'],
    ['restart-with-link', undefined, undefined, 1, 'restarted'],
    ['restart', undefined, undefined, 0, 'restarted'],
  ] as const)('%s', async (inbound, trace_, parent, links, outcome) => {
    const received = startInbound(message({ traceparent, baggage: 'a=1', tracestate: 'x=1' }), settings({ inbound }));
    received.end();
    const span = telemetry.find('process tasks');
    expect(span.spanContext().traceId === traceId).toBe(trace_ === traceId);
    expect(span.parentSpanContext?.spanId).toBe(parent);
    expect(span.links).toHaveLength(links);
    expect(propagation.getBaggage(received.context) === undefined).toBe(inbound !== 'continue');
    expect(await telemetry.hops()).toEqual({ [`kafka inbound ${outcome}`]: 1 });
  });

  it('restart never links, also what the adapter brought', () => {
    const links = [{ context: { traceId, spanId: 'b7ad6b7169203331', traceFlags: 1 } }];
    startInbound(message({ traceparent }, { links, linkParent: true }), settings({ inbound: 'restart' })).end();
    expect(telemetry.find('process tasks').links).toEqual([]);
  });

  it('a function decides from the peer', () => {
    const seen: unknown[] = [];
    const inbound: HopOptions['inbound'] = (peer) => {
      seen.push([peer.transport, peer.name, peer.authenticated]);
      return peer.authenticated === true ? 'continue' : 'restart';
    };
    const peer = () => ({ name: 'tasks', authenticated: false });
    const received = startInbound(message({ traceparent }, { peer }), settings({ inbound }));
    received.end();
    expect(seen).toEqual([['kafka', 'tasks', false]]);
    expect(received.outcome).toBe('restarted');
  });

  it('restarts when the function fails: a broken policy trusts nobody', () => {
    const failing = () => {
      throw new Error('mine');
    };
    for (const inbound of [failing, () => 'trust' as never]) {
      const received = startInbound(message({ traceparent }), settings({ inbound }));
      received.end();
      expect(received.span.spanContext().traceId).not.toBe(traceId);
    }
  });

  it('links a context that is too old to be a parent', () => {
    const received = startInbound(message({ traceparent }, { stale: true }), settings());
    received.end();
    expect(parentOf(received)).toBeUndefined();
    expect(telemetry.find('process tasks').links[0]?.context.spanId).toBe('b7ad6b7169203331');
  });

  it('lets in only the baggage that `accept` names', () => {
    const received = startInbound(
      message({ traceparent, baggage: 'a=1,tenant.id=2,b=3' }),
      settings({ baggage: { accept: ['a', 'tenant.*'] } }),
    );
    received.end();
    expect(
      propagation
        .getBaggage(received.context)
        ?.getAllEntries()
        .map(([key]) => key),
    ).toEqual(['a', 'tenant.id']);
  });
});

describe('inbound step 6: the span', () => {
  it('is a child of the offered context, with tracestate and the agent’s name', () => {
    startInbound(
      message({ traceparent, tracestate: 'x=1' }, { linkParent: true, attributes: { own: 1 } }),
      settings({ agent: 'analyst' }),
    ).end();
    const span = telemetry.find('process tasks');
    expect(span.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(span.spanContext().traceState?.serialize()).toBe('x=1');
    expect(span.attributes).toMatchObject({ own: 1, 'throughline.agent.name': 'analyst' });
    expect(span.links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331']);
    expect(span.kind).toBe(SpanKind.CONSUMER);
  });

  it('carries the chosen baggage as attributes, what is not printable written out', () => {
    startInbound(message({ traceparent, baggage: 'session.id=a%0d%0ab,other=1' }), settings()).end();
    expect(telemetry.find('process tasks').attributes['session.id']).toBe('a\\u{d}\\u{a}b');
    expect(telemetry.find('process tasks').attributes).not.toHaveProperty('other');
  });

  it('joins the SERVER span that is open for this very HTTP request, and replaces its baggage', () => {
    const server = trace.getTracer('instrumentation-http').startSpan('GET', { kind: SpanKind.SERVER });
    const everything = propagation.createBaggage({ all: { value: '1' }, secret: { value: '2' } });
    const ambient = propagation.setBaggage(httpContext(server), everything);
    const received = context.with(ambient, () =>
      startInbound(
        http({ traceparent, baggage: 'all=1,secret=2' }, { attributes: { ours: 1 } }),
        settings({ baggage: { accept: ['all'] } }),
      ),
    );
    expect(received.joined).toBe(true);
    expect(
      propagation
        .getBaggage(received.context)
        ?.getAllEntries()
        .map(([key]) => key),
    ).toEqual(['all']);
    received.end();
    expect(server.isRecording()).toBe(true);
    server.end();
    expect(telemetry.spans()).toHaveLength(1);
    expect(telemetry.find('GET').attributes).toMatchObject({ ours: 1, 'throughline.calls': 0 });
  });

  it('does not join under another policy: a new root, linked to what was offered', () => {
    const server = trace.getTracer('instrumentation-http').startSpan('theirs', { kind: SpanKind.SERVER });
    const received = context.with(httpContext(server), () =>
      startInbound(http({ traceparent }), settings({ inbound: 'restart-with-link' })),
    );
    received.end();
    server.end();
    expect(received.joined).toBe(false);
    expect(parentOf(received)).toBeUndefined();
    expect(telemetry.find('GET').links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331']);
  });

  it('a second middleware on the same request joins the first; another request inside it does not', () => {
    const request = {};
    const first = startInbound(http({ traceparent }, { request }), settings());
    const [second, other] = context.with(first.context, () => [
      startInbound(http({ traceparent }, { request }), settings()),
      startInbound(http({ traceparent: otherTraceparent }, { request: {} }), settings()),
    ]);
    expect(second?.joined).toBe(true);
    expect(second?.span).toBe(first.span);
    expect(other?.joined).toBe(false);
    other?.end();
    second?.end();
    first.end();
    expect(telemetry.spans()).toHaveLength(2);
  });

  it('spans: false gives propagation alone, and never a phantom parent', () => {
    const received = startInbound(message({ traceparent }), settings({ spans: false }));
    expect(received.span.spanContext().spanId).toBe('b7ad6b7169203331');
    expect(received.span.isRecording()).toBe(false);
    context.with(received.context, () => call());
    received.end();
    expect(telemetry.spans()).toHaveLength(1);
    expect(telemetry.find('GET').parentSpanContext?.spanId).toBe('b7ad6b7169203331');
  });

  it('under suppressed tracing opens no span', async () => {
    const received = context.with(suppressTracing(ROOT_CONTEXT), () =>
      startInbound(message({ traceparent }), settings()),
    );
    received.end();
    expect(telemetry.spans()).toEqual([]);
    expect(await telemetry.hops()).toEqual({ 'kafka inbound suppressed': 1 });
  });
});

describe('inbound step 7: end', () => {
  it('is idempotent, and counts once', async () => {
    const received = startInbound(message({ traceparent }), settings());
    received.end();
    received.end({ error: new Error('late') });
    expect(telemetry.spans()).toHaveLength(1);
    expect(telemetry.find('process tasks').status.code).toBe(0);
    expect(await telemetry.hops()).toEqual({ 'kafka inbound continued': 1 });
  });

  it('sets error.type and the status, and records the exception', () => {
    const received = startInbound(message({ traceparent }), settings());
    received.end({ error: Object.assign(new Error('no\nluck'), { code: 'ECONNRESET' }), attributes: { more: 1 } });
    const span = telemetry.find('process tasks');
    expect(span.attributes).toMatchObject({ 'error.type': 'ECONNRESET', more: 1 });
    expect(span.status).toEqual({ code: 2, message: 'no\\u{a}luck' });
    expect(span.events.map((event) => event.name)).toEqual(['exception']);
  });

  it('says how many outbound hops were started under it, sampled or not', () => {
    const received = startInbound(message({ traceparent: `${traceparent.slice(0, -2)}01` }), settings());
    context.with(received.context, () => {
      call();
      call();
    });
    context.with(received.context, () => startOutbound({ ...outbound, span: false }, settings()).end());
    received.end();
    expect(telemetry.find('process tasks').attributes['throughline.calls']).toBe(2);
  });
});

function httpContext(span: Span) {
  return setRPCMetadata(trace.setSpan(ROOT_CONTEXT, span), { type: RPCType.HTTP, span });
}
