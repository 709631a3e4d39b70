import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { TextMapPropagator } from '@opentelemetry/api';
import { isTracingSuppressed, suppressTracing } from '@opentelemetry/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { send } from '@throughline/core/adapter';
import {
  formatTraceparent,
  hopSettings,
  httpHeaders,
  messageHeaders,
  nodeHeaders,
  writeRecord,
} from '@throughline/core/adapter';
import type { HopOptions, Target } from '@throughline/core';
import type { HopSettings, OutboundHop } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { startInbound, startOutbound } from './admitted.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const settings = (options?: HopOptions): HopSettings =>
  hopSettings({ lineage: false, ...options }, { name: '@throughline/test', version: '1.0.0' });
const host = (name: string): Target => ({ transport: 'http', channel: 'host', host: name });

function get(target: Target = host('localhost'), more: Partial<OutboundHop> = {}): OutboundHop {
  return { transport: 'http', name: 'GET', kind: SpanKind.CLIENT, target, ...more };
}

function within<T>(headers: Record<string, string>, fn: () => T): T {
  const received = startInbound(
    { transport: 'http', name: 'in', kind: SpanKind.SERVER, carrier: headers, reader: nodeHeaders },
    settings(),
  );
  try {
    return context.with(received.context, fn);
  } finally {
    received.end();
  }
}

describe('outbound: span and fields', () => {
  it('every span id that is injected belongs to a span that was started', () => {
    const fields = within({ traceparent }, () => {
      const sending = startOutbound(get(), settings());
      sending.end();
      return sending.fields;
    });
    const span = telemetry.find('GET');
    expect(fields).toEqual({ traceparent: formatTraceparent(span.spanContext()) });
    expect(span.spanContext().traceId).toBe(traceId);
    expect(span.kind).toBe(SpanKind.CLIENT);
  });

  it('keeps the random flag of the trace it came with, and gives it to no other', () => {
    const random = `${traceparent.slice(0, -2)}03`;
    expect(within({ traceparent: random }, () => startOutbound(get(), settings()).fields['traceparent'])).toMatch(
      /-03$/,
    );
    const restarted = context.with(
      startInbound(
        { transport: 'http', name: 'in', kind: SpanKind.SERVER, carrier: { traceparent: random }, reader: nodeHeaders },
        settings({ inbound: 'restart' }),
      ).context,
      () => startOutbound(get(), settings()).fields['traceparent'],
    );
    expect(restarted).toMatch(/-01$/);
  });

  it('passes an unchanged tracestate on as the same bytes, and never an empty one', () => {
    const tracestate = 'rojo=00f067aa0ba902b7, congo=t61rcWkgMzE';
    expect(within({ traceparent, tracestate }, () => startOutbound(get(), settings()).fields)).toMatchObject({
      tracestate,
    });
    expect(
      within({ traceparent, tracestate: ' , ' }, () => startOutbound(get(), settings()).fields),
    ).not.toHaveProperty('tracestate');
  });

  it('with no active span, a valid context that the caller put into the carrier is the parent, with its baggage', () => {
    const carrier = { traceparent, tracestate: 'x=1', baggage: 'k=1' };
    const sending = startOutbound(get(host('localhost'), { carrier, reader: httpHeaders }), settings());
    sending.end();
    expect(telemetry.find('GET').parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(sending.fields).toMatchObject({ tracestate: 'x=1', baggage: 'k=1' });
    expect(writeRecord(carrier, sending)).toEqual(sending.fields);
  });

  it('with an active span, it replaces what the caller put there', () => {
    const stale = `00-${'9'.repeat(32)}-b7ad6b7169203331-01`;
    const carrier = { Traceparent: stale, tracestate: 'stale=1', baggage: 'stale=1' };
    const written = within({ traceparent }, () =>
      writeRecord(carrier, startOutbound(get(host('localhost'), { carrier, reader: httpHeaders }), settings())),
    );
    expect(Object.keys(written)).toEqual(['traceparent']);
    expect(written['traceparent']).toContain(traceId);
  });

  it('existing: keep leaves a carrier that holds a valid traceparent alone', () => {
    const carrier = { traceparent, baggage: 'theirs=1' };
    const written = within({ traceparent: traceparent.replace('0af', '1af') }, () =>
      writeRecord(carrier, startOutbound(get(), settings({ existing: 'keep' }))),
    );
    expect(written).toEqual(carrier);
  });

  it('spans: false injects the span that was received', () => {
    const off = settings({ spans: false });
    const fields = within({ traceparent }, () => startOutbound(get(), off).fields);
    expect(telemetry.spans().map((span) => span.name)).toEqual(['in']);
    expect(fields['traceparent']).toBe(formatTraceparent(telemetry.find('in').spanContext()));
  });

  it('under suppressed tracing neither opens a span nor injects', async () => {
    const sending = context.with(suppressTracing(ROOT_CONTEXT), () => startOutbound(get(), settings()));
    sending.end();
    expect(sending.fields).toEqual({});
    expect(telemetry.spans()).toEqual([]);
    expect(await telemetry.hops()).toEqual({ 'http outbound suppressed': 1 });
  });

  it('the library’s own function runs in a context that is suppressed, holding our span', () => {
    const sending = startOutbound(get(), settings());
    expect(isTracingSuppressed(sending.inner)).toBe(true);
    expect(isTracingSuppressed(sending.context)).toBe(false);
    expect(trace.getSpan(sending.inner)).toBe(sending.span);
    sending.end();
  });

  it('end is idempotent, and counts once', async () => {
    const sending = startOutbound(get(), settings());
    sending.end({ errorType: '500' });
    sending.end();
    expect(telemetry.spans()).toHaveLength(1);
    expect(telemetry.find('GET').attributes['error.type']).toBe('500');
    expect(await telemetry.hops()).toEqual({ 'http outbound started': 1 });
  });
});

describe('outbound: policy for the target', () => {
  it('suppress: the CLIENT span yes, injection no, and fields that are there are stripped', async () => {
    const carrier = { TraceParent: traceparent, accept: '*/*' };
    const sending = startOutbound(
      get(host('evil.example')),
      settings({ outbound: (target) => (target.host === 'evil.example' ? 'suppress' : 'inject') }),
    );
    sending.end();
    expect(writeRecord(carrier, sending)).toEqual({ accept: '*/*' });
    expect(telemetry.spans()).toHaveLength(1);
    expect(await telemetry.hops()).toEqual({ 'http outbound suppressed': 1 });
  });

  it.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['[::1]', true],
    ['10.1.2.3', true],
    ['172.31.0.1', true],
    ['172.32.0.1', false],
    ['192.168.1.1', true],
    ['[::ffff:7f00:1]', true],
    ['[fd00::1]', true],
    ['planner', true],
    ['planner.svc', true],
    ['db.internal', true],
    ['printer.local', true],
    ['x.svc.cluster.local', true],
    ['api.example.com', false],
    ['8.8.8.8', false],
    ['internal.example.com', false],
    ['10.1.2.3.example.com', false],
    // An address is a number, however it is written.
    ['::1', true],
    ['0:0:0:0:0:0:0:1', true],
    ['fc00::1', true],
    ['FDFF::1', true],
    ['fd00::1%eth0', true],
    ['::ffff:10.0.0.1', true],
    ['2130706433', true],
    ['0177.0.0.1', true],
    ['0x7f.1', true],
    ['[::ffff:8.8.8.8]', false],
    ['134744072', false],
    ['fc::1', false],
    ['[fc::1]', false],
    ['fe8::1', false],
    ['fd::ffff:10.0.0.1', false],
    ['::10.0.0.1', false],
    ['2001:db8::1', false],
    // Link-local addresses, and what else serves the metadata of a cloud.
    ['169.254.169.254', false],
    ['169.254.170.2', false],
    ['2852039166', false],
    ['0xa9fea9fe', false],
    ['0251.0376.0251.0376', false],
    ['169.254.169.254.', false],
    ['[::ffff:169.254.169.254]', false],
    ['[::ffff:a9fe:a9fe]', false],
    ['[fd00:ec2::254]', false],
    ['fd00:0ec2:0:0:0:0:0:254', false],
    ['fd00:ec2::23', false],
    ['fd20:ce::254', false],
    ['fd20:ce::255', true],
    ['fe80::1', false],
    ['fe80::a9fe:a9fe%eth0', false],
    ['metadata.google.internal', false],
    ['Metadata.Google.Internal.', false],
    ['metadata', false],
    ['instance-data.ec2.internal', false],
    // A dot at the end makes a name absolute: the same host where it has several labels, a top-level domain where it has one.
    ['db.internal.', true],
    ['DB.Internal', true],
    ['localhost.', true],
    ['api.example.com.', false],
    ['ai.', false],
    ['planner.', false],
    ['db.internal..', false],
    ['.', false],
    // What is no host is nobody's.
    ['evil.example/.internal', false],
    ['evil.example:80', false],
    ['planner:80', false],
    ['planner@evil.example', false],
    ['evil%2eexample', false],
    ['evil.example%00.internal', false],
    ['[::1', false],
  ])('by default %s is first-party: %s', (name, ours) => {
    const fields = within({ traceparent, baggage: 'user=1' }, () => startOutbound(get(host(name)), settings()).fields);
    expect(fields['traceparent']).toBeDefined();
    expect(fields['baggage'] === undefined).toBe(!ours);
  });

  it('says what of its fields may go to where a redirect leads', () => {
    const there = (name: string, options?: HopOptions) => {
      const sending = within({ traceparent, baggage: 'a=1,b=2' }, () =>
        startOutbound(get(host('localhost')), settings(options)),
      );
      sending.end();
      const fields = sending.fieldsFor(host(name));
      return [fields['baggage'], fields['traceparent'] === sending.fields['traceparent']];
    };
    expect(there('planner')).toEqual(['a=1,b=2', true]);
    expect(there('api.example.com')).toEqual([undefined, true]);
    expect(
      there('api.example.com', { baggage: { send: (target) => (target.host === 'localhost' ? true : ['b']) } }),
    ).toEqual(['b=2', true]);
    // What did not go to the first does not go to the next.
    expect(there('planner', { baggage: { send: (target) => (target.host === 'localhost' ? ['a'] : true) } })).toEqual([
      'a=1',
      true,
    ]);
    expect(
      there('api.example.com', { outbound: (target) => (target.host === 'localhost' ? 'inject' : 'suppress') }),
    ).toEqual([undefined, false]);
  });

  it('brokers and in-memory peers are first-party, a stdio server is not unless the option says so', () => {
    const sent = (target: Target, options?: HopOptions) =>
      within(
        { traceparent, baggage: 'user=1' },
        () => startOutbound(get(target), settings(options)).fields['baggage'] !== undefined,
      );
    expect(sent({ transport: 'kafka', channel: 'broker' })).toBe(true);
    expect(sent({ transport: 'mcp', channel: 'memory' })).toBe(true);
    expect(sent({ transport: 'mcp', channel: 'process' })).toBe(false);
    expect(sent({ transport: 'mcp', channel: 'process' }, { firstParty: true })).toBe(true);
    expect(sent({ transport: 'kafka', channel: 'broker' }, { firstParty: false })).toBe(false);
  });

  it('names and patterns make hosts ours, from the option and from THROUGHLINE_FIRST_PARTY', () => {
    const sent = (name: string, options?: HopOptions) =>
      within(
        { traceparent, baggage: 'user=1' },
        () => startOutbound(get(host(name)), settings(options)).fields['baggage'] !== undefined,
      );
    expect(sent('api.example.com', { firstParty: ['*.example.com'] })).toBe(true);
    expect(sent('api.example.com.evil.test', { firstParty: ['*.example.com'] })).toBe(false);
    expect(sent('api.example.org', { firstParty: [/\.example\.org$/g] })).toBe(true);
    expect(sent('169.254.1.1', { firstParty: ['169.254.1.1'] })).toBe(true);
    process.env['THROUGHLINE_FIRST_PARTY'] = 'tools.example.net, *.example.dev';
    try {
      expect(sent('tools.example.net')).toBe(true);
      expect(sent('a.example.dev')).toBe(true);
      expect(sent('example.dev')).toBe(false);
    } finally {
      delete process.env['THROUGHLINE_FIRST_PARTY'];
    }
  });

  it.each<[string, string | RegExp]>([
    ['api.example.com', 'API.Example.com'],
    ['API.example.com', '*.EXAMPLE.com'],
    ['api.example.com', /^API\.example/],
    ['api.example.com.', 'api.example.com'],
    ['api.example.com', '*.example.com.'],
    ['xn--bcher-kva.example', 'bücher.example'],
    ['[2001:db8::1]', '2001:DB8:0:0::1'],
    ['2001:db8::1', '[2001:db8::1]'],
    ['[2001:db8::1]', '2001:db8:*'],
    ['[2001:db8::1]', /^2001:db8:/],
    ['3405803777', '203.0.113.1'],
  ])('%s is the host that %s names', (name, pattern) => {
    const sent = (target: Target, options: HopOptions) =>
      within(
        { traceparent, baggage: 'user=1' },
        () => startOutbound(get(target), settings(options)).fields['baggage'] !== undefined,
      );
    expect(sent(host(name), {})).toBe(false);
    expect(sent(host(name), { firstParty: [pattern] })).toBe(true);
    expect(sent({ transport: 'mcp', channel: 'process', host: name }, { firstParty: [pattern] })).toBe(true);
  });

  it('says on the span how many members stayed', () => {
    within({ traceparent, baggage: 'a=1,b=2' }, () => startOutbound(get(host('api.example.com')), settings()).end());
    expect(telemetry.find('GET').attributes['throughline.baggage.withheld']).toBe(2);
  });

  it('baggage.send decides by key and target', () => {
    const baggage = (options: HopOptions, name = 'localhost') =>
      within(
        { traceparent, baggage: 'a=1,b=2' },
        () => startOutbound(get(host(name)), settings(options)).fields['baggage'],
      );
    expect(baggage({ baggage: { send: false } })).toBeUndefined();
    expect(baggage({ baggage: { send: true } }, 'api.example.com')).toBe('a=1,b=2');
    expect(baggage({ baggage: { send: ['b'] } })).toBe('b=2');
    expect(baggage({ baggage: { send: ['b'] } }, 'api.example.com')).toBeUndefined();
    expect(
      baggage(
        {
          baggage: {
            send: (target, firstParty) => (firstParty ? true : target.host === 'api.example.com' ? ['a'] : false),
          },
        },
        'api.example.com',
      ),
    ).toBe('a=1');
  });

  it('filters in the context, so that it holds with any propagator', () => {
    const foreign: TextMapPropagator = {
      inject: (ctx, carrier, setter) =>
        setter.set(
          carrier,
          'x-all',
          String(
            propagation
              .getBaggage(ctx)
              ?.getAllEntries()
              .map(([key]) => key) ?? 'none',
          ),
        ),
      extract: (ctx) => ctx,
      fields: () => ['x-all'],
    };
    const fields = within(
      { traceparent, baggage: 'a=1,b=2' },
      () => startOutbound(get(), settings({ propagator: foreign, baggage: { send: ['b'] } })).fields,
    );
    expect(fields).toEqual({ 'x-all': 'b' });
  });
});

describe('a foreign propagator', () => {
  const b3: TextMapPropagator = {
    inject: (ctx, carrier, setter) => {
      const spanContext = trace.getSpanContext(ctx);
      if (spanContext) setter.set(carrier, 'b3', `${spanContext.traceId}-${spanContext.spanId}-1`);
    },
    extract: (ctx, carrier, getter) => {
      const [id, spanId] = String(getter.get(carrier, 'b3')).split('-');
      return trace.setSpanContext(ctx, { traceId: id ?? '', spanId: spanId ?? '', traceFlags: 1, isRemote: true });
    },
    fields: () => ['b3'],
  };

  it('keeps working both ways', () => {
    const options = settings({ propagator: b3 });
    const received = startInbound(
      {
        transport: 'kafka',
        name: 'in',
        kind: SpanKind.CONSUMER,
        carrier: { B3: Buffer.from(`${traceId}-b7ad6b7169203331-1`) },
        reader: messageHeaders,
      },
      options,
    );
    const sending = context.with(received.context, () => startOutbound(get(), options));
    expect(received.span.spanContext().traceId).toBe(traceId);
    expect(sending.fields['b3']).toContain(traceId);
    sending.end();
    received.end();
  });

  it('is guarded: a throw of its own is caught, the hop starts fresh, and nothing malformed goes out', () => {
    const broken: TextMapPropagator = {
      inject: (_ctx, carrier, setter) => {
        setter.set(carrier, 'x-trace', 'a\r\nset-cookie: b');
        throw new Error('theirs');
      },
      extract: () => {
        throw new Error('theirs');
      },
      fields: () => ['x-trace'],
    };
    const options = settings({ propagator: broken });
    const received = startInbound(
      { transport: 'kafka', name: 'in', kind: SpanKind.CONSUMER, carrier: { 'x-trace': 'y' }, reader: messageHeaders },
      options,
    );
    expect(received.outcome).toBe('invalid');
    expect(context.with(received.context, () => startOutbound(get(), options).fields)).toEqual({});
    received.end();
  });
});

describe('send', () => {
  it('ends the span when the promise settles, and rethrows the same object', async () => {
    const mine = Object.freeze(new RangeError('mine'));
    await expect(send(get(), () => Promise.reject(mine), settings())).rejects.toBe(mine);
    expect(telemetry.find('GET').attributes['error.type']).toBe('RangeError');
    expect(() =>
      send(
        get(),
        () => {
          throw mine;
        },
        settings(),
      ),
    ).toThrow(mine);
    expect(send(get(), () => 7, settings())).toBe(7);
    expect(telemetry.spans()).toHaveLength(3);
  });
});
