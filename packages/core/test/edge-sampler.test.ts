import {
  context,
  createTraceState,
  ROOT_CONTEXT,
  SamplingDecision,
  SpanKind,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import type { Attributes, Context, SpanContext } from '@opentelemetry/api';
import { internalMesh, publicEdge, resumeTrace } from '@throughline/core';
import { hopSettings, messageHeaders, nodeHeaders, startInbound } from '@throughline/core/adapter';
import { edgeSampler } from '@throughline/core/sdk';
import type { HopOptions } from '@throughline/core';
import type { InboundHop } from '@throughline/core/adapter';
import type { EdgeSamplerOptions } from '@throughline/core/sdk';
import { ParentBasedSampler, startTelemetry } from '@throughline/test-telemetry';
import type { Sampler, Telemetry } from '@throughline/test-telemetry';
import { afterEach, describe, expect, it, test } from 'vitest';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const { RECORD_AND_SAMPLED, NOT_RECORD } = SamplingDecision;

function decide(
  options: EdgeSamplerOptions,
  {
    parent,
    id = traceId,
    attributes = {},
  }: { parent?: Partial<SpanContext>; id?: string; attributes?: Attributes } = {},
) {
  const at: Context =
    parent === undefined
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.NONE, ...parent });
  return edgeSampler(options).shouldSample(at, id, 'GET', SpanKind.SERVER, attributes, []);
}

const withRandomness = (digits: string) => `000000000000000001${digits}`;

describe('a trace that starts here', () => {
  it('is sampled by the low 56 bits of its id, and says at which threshold', () => {
    const half = { ratio: 0.5 };
    expect(decide(half, { id: withRandomness('80000000000000') }).decision).toBe(RECORD_AND_SAMPLED);
    expect(decide(half, { id: withRandomness('7fffffffffffff') })).toEqual({ decision: NOT_RECORD });
    expect(decide(half, { id: withRandomness('ffffffffffffff') }).traceState?.serialize()).toBe('ot=th:8');
  });

  test.each([
    [1, 'th:0'],
    [0.5, 'th:8'],
    [0.25, 'th:c'],
    [0.1, 'th:e666'],
    [0.01, 'th:fd70a'],
    [0.001, 'th:ffbe77'],
    [2 ** -56, 'th:ffffffffffffff'],
  ])('ratio %d is %s', (ratio, th) => {
    const { decision, traceState } = decide({ ratio }, { id: withRandomness('ffffffffffffff') });
    expect([decision, traceState?.get('ot')]).toEqual([RECORD_AND_SAMPLED, th]);
  });

  it('ratio 0 samples nothing, ratio 1 everything', () => {
    expect(decide({ ratio: 0 }, { id: withRandomness('ffffffffffffff') }).decision).toBe(NOT_RECORD);
    expect(decide({ ratio: 1 }, { id: withRandomness('00000000000000') }).decision).toBe(RECORD_AND_SAMPLED);
  });

  it('goes by an explicit `rv` before the trace id, and keeps it', () => {
    const parent = { traceId: '', traceState: createTraceState('a=1,ot=rv:ffffffffffffff') };
    const { decision, traceState } = decide({ ratio: 0.5 }, { parent, id: withRandomness('00000000000000') });
    expect([decision, traceState?.get('ot')]).toEqual([RECORD_AND_SAMPLED, 'th:8;rv:ffffffffffffff']);
    expect(traceState?.get('a')).toBe('1');
    const low = { traceId: '', traceState: createTraceState('ot=rv:00000000000000') };
    expect(decide({ ratio: 0.5 }, { parent: low, id: withRandomness('ffffffffffffff') }).decision).toBe(NOT_RECORD);
  });

  it('two services with the same ratio agree on every trace id', () => {
    const [a, b] = [edgeSampler({ ratio: 0.3 }), edgeSampler({ ratio: 0.3 })];
    let sampled = 0;
    for (let n = 0; n < 1000; n++) {
      const id = withRandomness(
        Math.floor((n / 1000) * 2 ** 52)
          .toString(16)
          .padStart(13, '0') + '0',
      );
      const [first, second] = [a, b].map(
        (s) => s.shouldSample(ROOT_CONTEXT, id, 'x', SpanKind.SERVER, {}, []).decision,
      );
      expect(first).toBe(second);
      if (first === RECORD_AND_SAMPLED) sampled++;
    }
    expect(sampled).toBe(300);
  });
});

describe('rules', () => {
  const options: EdgeSamplerOptions = {
    ratio: 0,
    rules: [
      { route: '/api/health', ratio: 0 },
      { route: '/api/*', ratio: 1 },
      { agent: 'planner', route: 'tasks', ratio: 0 },
      { agent: 'planner', ratio: 1 },
    ],
  };
  test.each<[string, Attributes, number]>([
    ['no attribute: the ratio of all else', {}, NOT_RECORD],
    ['url.path', { 'url.path': '/api/x' }, RECORD_AND_SAMPLED],
    ['http.route before url.path', { 'http.route': '/x', 'url.path': '/api/x' }, NOT_RECORD],
    ['the first that matches', { 'url.path': '/api/health' }, NOT_RECORD],
    ['a topic', { 'messaging.destination.name': '/api/topic' }, RECORD_AND_SAMPLED],
    ['an MCP method', { 'mcp.method.name': '/api/' }, RECORD_AND_SAMPLED],
    ['an agent', { 'throughline.agent.name': 'planner' }, RECORD_AND_SAMPLED],
    ['an agent of a GenAI span', { 'gen_ai.agent.name': 'planner' }, RECORD_AND_SAMPLED],
    ['both must match', { 'throughline.agent.name': 'planner', 'messaging.destination.name': 'tasks' }, NOT_RECORD],
  ])('%s', (_name, attributes, decision) => {
    expect(decide(options, { attributes, id: withRandomness('00000000000000') }).decision).toBe(decision);
  });
});

describe('a rule for a path', () => {
  const matches = (route: string | RegExp, attributes: Attributes) =>
    decide({ ratio: 0, rules: [{ route, ratio: 1 }] }, { attributes }).decision === RECORD_AND_SAMPLED;

  test.each([
    ['/admin/*', '/ADMIN/delete'],
    ['/Admin/*', '/admin/delete'],
    ['/admin/delete', '/admin/Delete/'],
    ['/admin/delete/', '/admin/delete'],
    ['/admin/*', '/admin'],
    ['/admin/*', '/%61dmin/delete'],
    ['/admin/*', '/%41DMIN/x/delete/'],
    ['/admin/delete', '//admin//delete'],
    ['*/delete', '/any/delete/'],
    ['/a%7Eb', '/a~b'],
    ['/a~b', '/a%7eb'],
    ['/', '//'],
  ])('%s takes %s, as a router may', (route, path) => {
    expect(matches(route, { 'url.path': path })).toBe(true);
    expect(matches(route, { 'http.route': path })).toBe(true);
  });

  test.each([
    ['/admin/*', '/administrator'],
    ['/admin/*', '/x/admin/delete'],
    ['/admin/delete', '/admin%2Fdelete'],
    ['/admin/delete', '/admin/%2564elete'],
    ['/admin', '/admin/delete'],
  ])('%s does not take %s, another path', (route, path) => {
    expect(matches(route, { 'url.path': path })).toBe(false);
  });

  test('a regular expression sees the path as it came, and says itself whether letter case counts', () => {
    expect(matches(/^\/admin\//, { 'url.path': '/ADMIN/delete' })).toBe(false);
    expect(matches(/^\/admin\//i, { 'url.path': '/ADMIN/delete' })).toBe(true);
    expect(matches(/^\/Admin\/$/, { 'url.path': '/Admin/' })).toBe(true);
  });

  test('the name of a topic or a method is no path: each letter and slash of it counts', () => {
    for (const name of ['messaging.destination.name', 'mcp.method.name']) {
      expect(matches('Orders', { [name]: 'Orders' })).toBe(true);
      for (const other of ['orders', 'Orders/', '%4Frders']) expect(matches('Orders', { [name]: other })).toBe(false);
    }
  });
});

describe('a trace that came from elsewhere', () => {
  const all = { ratio: 1 };
  const none = { ratio: 0 };
  const sampledFlag = { traceFlags: TraceFlags.SAMPLED };

  it('a local parent decides', () => {
    expect(decide(none, { parent: sampledFlag }).decision).toBe(RECORD_AND_SAMPLED);
    expect(decide(all, { parent: {} }).decision).toBe(NOT_RECORD);
  });

  it('is never upgraded in the middle', () => {
    expect(decide(all, { parent: { isRemote: true } }).decision).toBe(NOT_RECORD);
  });

  it('the flag of a peer whom nobody vouches for has no weight: the ratio decides, and not by the id that the peer chose', () => {
    expect(decide(none, { parent: { ...sampledFlag, isRemote: true } }).decision).toBe(NOT_RECORD);
    expect(decide(all, { parent: { ...sampledFlag, isRemote: true } }).decision).toBe(RECORD_AND_SAMPLED);
    const decisions = Array.from(
      { length: 2000 },
      () =>
        decide(
          { ratio: 0.5 },
          { parent: { ...sampledFlag, traceId: withRandomness('ffffffffffffff'), isRemote: true } },
        ).decision,
    );
    const sampled = decisions.filter((decision) => decision === RECORD_AND_SAMPLED).length;
    // Six standard deviations: one in 500 million.
    expect(Math.abs(sampled - 1000)).toBeLessThan(135);
  });

  it('its `ot` passes through unchanged', () => {
    const traceState = createTraceState('ot=th:fd70a;rv:fedcba98765432,a=1');
    expect(decide(all, { parent: { ...sampledFlag, isRemote: true, traceState } }).traceState).toBeUndefined();
    expect(decide(all, { parent: { ...sampledFlag, traceState } }).traceState).toBeUndefined();
  });
});

describe.each<[string, (edge: Sampler) => Sampler]>([
  ['by itself', (edge) => edge],
  [
    'as `root` and `remoteParentSampled` of ParentBasedSampler',
    (edge) => new ParentBasedSampler({ root: edge, remoteParentSampled: edge }),
  ],
])('beside the hops of this package, on a real SDK, %s', (_name, wrap) => {
  let telemetry: Telemetry;
  afterEach(() => telemetry.shutdown());

  const settings = (options?: HopOptions) => hopSettings(options, { name: '@throughline/test', version: '1.0.0' });
  const sampledParent = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'ot=th:fd70a,a=1' };
  const http = (carrier: unknown): InboundHop => ({
    transport: 'http',
    name: 'GET',
    kind: SpanKind.SERVER,
    carrier,
    reader: nodeHeaders,
    http: 'request',
  });
  const message = (carrier: unknown, more: Partial<InboundHop> = {}): InboundHop => ({
    transport: 'kafka',
    name: 'process tasks',
    kind: SpanKind.CONSUMER,
    carrier,
    reader: messageHeaders,
    ...more,
  });
  function flagOf(hop: InboundHop, options?: HopOptions): boolean {
    const received = startInbound(hop, settings(options));
    received.end();
    return (received.span.spanContext().traceFlags & TraceFlags.SAMPLED) === 1;
  }
  const start = (options: EdgeSamplerOptions): void => {
    telemetry = startTelemetry({ sampler: wrap(edgeSampler(options)) });
  };

  test('over HTTP a sampled flag counts only where the peer is authenticated', () => {
    start({ ratio: 0 });
    expect(flagOf(http(sampledParent))).toBe(false);
    expect(flagOf(http(sampledParent), { authenticated: () => false })).toBe(false);
    expect(flagOf(http(sampledParent), { authenticated: () => undefined })).toBe(false);
    expect(flagOf(http(sampledParent), { authenticated: () => true })).toBe(true);
    expect(
      flagOf(http(sampledParent), {
        authenticated: () => {
          throw new Error('no key yet');
        },
      }),
    ).toBe(false);
    expect(flagOf({ ...http(sampledParent), peer: { authenticated: true } })).toBe(true);
  });

  test('over a broker, stdio or memory it counts, unless the peer is said to be a stranger', () => {
    start({ ratio: 0 });
    for (const channel of ['broker', 'process', 'memory', undefined] as const) {
      expect(flagOf(message(sampledParent, { channel }))).toBe(true);
    }
    expect(flagOf(message(sampledParent), { authenticated: () => false })).toBe(false);
    expect(flagOf(message(sampledParent), { firstParty: false })).toBe(false);
    expect(flagOf(message(sampledParent, { channel: 'host' }))).toBe(false);
    expect(flagOf(message(sampledParent, { http: 'payload' }))).toBe(false);
  });

  test('of a handle it counts, unless whoever may have written it is a stranger', () => {
    start({ ratio: 0 });
    const handle = `tl1~${Date.now().toString(36)}~${sampledParent.traceparent}~-~-`;
    const resumedFlag = (options?: HopOptions): number =>
      resumeTrace(handle, 'callback', (span) => span.spanContext().traceFlags, options);
    expect(resumedFlag()).toBe(1);
    expect(resumedFlag(internalMesh())).toBe(1);
    expect(resumedFlag({ authenticated: () => false })).toBe(0);
    expect(resumedFlag(publicEdge())).toBe(0);
  });

  test('an unsampled trace that is continued stays unsampled, whoever sent it', () => {
    start({ ratio: 1 });
    const carrier = { traceparent: `00-${traceId}-${spanId}-00` };
    expect(flagOf(http(carrier), { authenticated: () => true })).toBe(false);
    expect(flagOf(message(carrier))).toBe(false);
  });

  test('a restart decides before sampling: neither the flag nor the tracestate of the peer is seen', () => {
    start({ ratio: 1 });
    for (const inbound of ['restart', 'restart-with-link'] as const) {
      const received = startInbound(
        http({ traceparent: `00-${traceId}-${spanId}-00`, tracestate: 'a=1,ot=th:fd70a;rv:00000000000000' }),
        settings({ inbound }),
      );
      received.end();
      expect(received.span.spanContext()).toMatchObject({ traceFlags: 1 });
      expect(received.span.spanContext().traceState?.serialize()).toBe('ot=th:0');
    }
  });

  test('a span under a hop without one of its own sees the same trust', () => {
    start({ ratio: 0 });
    const received = startInbound(message(sampledParent), settings({ spans: false }));
    const inner = trace.getTracer('test').startSpan('inner', {}, received.context);
    expect(inner.spanContext().traceFlags).toBe(1);
    // Trust is in one parent, and not in whatever is extracted over it.
    const other = trace.setSpanContext(received.context, {
      traceId,
      spanId: 'b7ad6b7169203339',
      traceFlags: 1,
      isRemote: true,
    });
    expect(trace.getTracer('test').startSpan('other', {}, other).spanContext().traceFlags).toBe(0);
    received.end();
  });

  test('`ot` of a continued trace is sent on as it came', () => {
    start({ ratio: 0 });
    const received = startInbound(message(sampledParent), settings());
    expect(received.span.spanContext().traceState?.serialize()).toBe(sampledParent.tracestate);
    received.end();
    context.with(received.context, () => {});
  });
});

describe('wrong options', () => {
  test.each<[unknown, string]>([
    [undefined, '`edgeSampler` takes an object, such as { ratio: 0.1 }; it was given undefined.'],
    [{}, '`edgeSampler.ratio` takes a number from 0, nothing, to 1, everything, such as 0.1'],
    [{ ratio: 10 }, '; it was given 10.'],
    [{ ratio: Number.NaN }, '`edgeSampler.ratio` takes'],
    [{ ratio: 1, rules: {} }, '`edgeSampler.rules` takes a list'],
    [{ ratio: 1, rules: [null] }, '`edgeSampler.rules[0]` takes an object'],
    [{ ratio: 1, rules: [{ ratio: 1 }] }, '`edgeSampler.rules[0]` takes a `route` or an `agent`'],
    [
      {
        ratio: 1,
        rules: [
          { agent: 'a', ratio: 1 },
          { route: '/', ratio: 2 },
        ],
      },
      '`edgeSampler.rules[1].ratio` takes',
    ],
    [{ ratio: 1, rules: [{ route: 7, ratio: 1 }] }, '`edgeSampler.rules[0].route` takes'],
  ])('%j', (options, message) => {
    expect(() => edgeSampler(options as EdgeSamplerOptions)).toThrow(message);
    expect(() => edgeSampler(options as EdgeSamplerOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_THROUGHLINE_OPTION' }),
    );
  });

  it('says what it is', () => {
    expect(String(edgeSampler({ ratio: 0.1, rules: [{ agent: 'a', ratio: 1 }] }))).toBe('EdgeSampler{0.1, 1 rules}');
  });
});
