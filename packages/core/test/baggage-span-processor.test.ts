import { context, diag, DiagLogLevel, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { receive } from '@throughline/core/adapter';
import { hopSettings, nodeHeaders } from '@throughline/core/adapter';
import { baggageSpanProcessor } from '@throughline/core/sdk';
import type { BaggageSpanProcessorOptions } from '@throughline/core/sdk';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry, TelemetryOptions } from '@throughline/test-telemetry';
import type { TelemetryOptions as Sdk2Options } from '../../../test/sdk2/src/index.ts';

let telemetry: Telemetry | undefined;
let warnings: string[];

// What is counted for the process starts from nothing in each test.
beforeEach(() => {
  const globals = globalThis as unknown as Record<symbol, unknown>;
  delete globals[Symbol.for('throughline.baggage-attributes')];
  delete globals[Symbol.for('throughline.warnings')];
  warnings = [];
  const ignore = (): void => {};
  const warn = (message: string): void => void warnings.push(message);
  diag.setLogger({ error: warn, warn, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN);
});
afterEach(async () => {
  diag.disable();
  await telemetry?.shutdown();
  telemetry = undefined;
});

function start(options?: BaggageSpanProcessorOptions): Telemetry {
  telemetry = startTelemetry({ spanProcessors: [baggageSpanProcessor(options)] });
  return telemetry;
}

const holding = (members: Record<string, unknown>, base: Context = ROOT_CONTEXT): Context =>
  propagation.setBaggage(
    base,
    propagation.createBaggage(
      Object.fromEntries(Object.entries(members).map(([key, value]) => [key, { value: value as string }])),
    ),
  );

/** The attributes of a span that starts under this baggage. */
function attributesUnder(members: Record<string, unknown>, attributes: Attributes = {}): Attributes {
  const span = trace.getTracer('test').startSpan('work', { attributes }, holding(members));
  span.end();
  return telemetry?.spans().at(-1)?.attributes ?? {};
}

describe('baggageSpanProcessor', () => {
  it('puts session.id and gen_ai.conversation.id on every span by default', () => {
    start();
    const members = { 'session.id': 's', 'gen_ai.conversation.id': 'c', tenant: 'blue' };
    expect(attributesUnder(members)).toEqual({ 'session.id': 's', 'gen_ai.conversation.id': 'c' });
    expect(attributesUnder({})).toEqual({});
    trace.getTracer('test').startSpan('without', {}, ROOT_CONTEXT).end();
    expect(telemetry?.find('without').attributes).toEqual({});
  });

  it('takes names and patterns', () => {
    start({ keys: ['session.id', 'tenant.*', /^user\./] });
    const members = { 'session.id': 's', 'tenant.id': 't', 'user.plan': 'u', other: 'o' };
    expect(attributesUnder(members)).toEqual({ 'session.id': 's', 'tenant.id': 't', 'user.plan': 'u' });
  });

  it("takes a predicate, such as ALLOW_ALL_BAGGAGE_KEYS of OpenTelemetry's processor", () => {
    start({ keys: () => true });
    expect(attributesUnder({ a: '1', b: '2' })).toEqual({ a: '1', b: '2' });
  });

  it('reaches the inbound hop and the spans inside it, with the accepted baggage alone', () => {
    start({ keys: ['tenant', 'plan'] });
    const settings = hopSettings({ baggage: { accept: ['tenant'] } }, { name: 'test', version: '1' });
    receive(
      {
        transport: 'http',
        name: 'GET',
        kind: SpanKind.SERVER,
        carrier: {
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          baggage: 'tenant=blue,plan=gold',
        },
        reader: nodeHeaders,
      },
      () => trace.getTracer('test').startSpan('inner', {}, context.active()).end(),
      settings,
    );
    expect(telemetry?.find('GET').attributes).toMatchObject({ tenant: 'blue' });
    expect(telemetry?.find('inner').attributes).toEqual({ tenant: 'blue' });
    expect(telemetry?.find('GET').attributes).not.toHaveProperty('plan');
  });

  it('an attribute that the span was started with stays', () => {
    start({ keys: () => true });
    expect(attributesUnder({ 'http.route': 'forged', a: '1' }, { 'http.route': '/users' })).toEqual({
      'http.route': '/users',
      a: '1',
    });
  });

  it('lineage is never copied, also where it is named', () => {
    start({ keys: () => true });
    expect(attributesUnder({ 'throughline.lineage': '1.1.32.1.-.-.-', a: '1' })).toEqual({ a: '1' });
    const named = { setAttribute: vi.fn<() => void>() };
    baggageSpanProcessor({ keys: ['throughline.lineage', '*.lineage'] }).onStart(
      named,
      holding({ 'throughline.lineage': '1.1.32.1.-.-.-' }),
    );
    expect(named.setAttribute).not.toHaveBeenCalled();
  });

  it('values are printable and at most 256 characters', () => {
    start({ keys: ['a', 'b', 'c'] });
    const attributes = attributesUnder({ a: 'x\r\ny\u0000', b: `${'x'.repeat(255)}😀`, c: '\ud800' });
    expect(attributes).toEqual({ a: 'x\\u{d}\\u{a}y\\u{0}', b: `${'x'.repeat(255)}…`, c: '\\u{d800}' });
  });

  it('keys that only match are copied for the first 64 of the process, with one warning', () => {
    start({ keys: ['session.id', '*'] });
    for (let at = 0; at < 100; at++) attributesUnder({ [`k${at}`]: '1' });
    const keys = new Set(telemetry?.spans().flatMap((span) => Object.keys(span.attributes)));
    expect(keys.size).toBe(64);
    expect(attributesUnder({ k0: '2', k99: '2', 'session.id': 's' })).toEqual({ k0: '2', 'session.id': 's' });
    // Another processor of the same process has no further 64.
    const span = { setAttribute: vi.fn<(key: string, value: string) => void>() };
    baggageSpanProcessor({ keys: () => true }).onStart(span, holding({ more: '1', k1: '1' }));
    expect(span.setAttribute.mock.calls).toEqual([['k1', '1']]);
    expect(warnings).toEqual([expect.stringMatching(/more than 64 different keys/)]);
  });

  it('keys that no attribute should have are not copied', () => {
    start({ keys: () => true });
    expect(attributesUnder({ 'a\nb': '1', ['x'.repeat(257)]: '1', ok: '1' })).toEqual({ ok: '1' });
  });

  it('past `maxValues` different values of a key, further ones are `_other`', () => {
    start({ keys: ['tenant', 'user'], maxValues: 2 });
    const values = ['a', 'b', 'c', 'a', 'd', 'b'].map((tenant) => attributesUnder({ tenant, user: 'u' }));
    expect(values.map(({ tenant }) => tenant)).toEqual(['a', 'b', '_other', 'a', '_other', 'b']);
    expect(new Set(values.map(({ user }) => user))).toEqual(new Set(['u']));
  });

  it('`baggage.toAttributes` of hops goes through the same rule: the same values stay', () => {
    start({ keys: ['tenant'], maxValues: 1 });
    const settings = hopSettings(
      { baggage: { toAttributes: ['tenant', 'long', 'throughline.lineage'], maxValues: 1 }, lineage: false },
      { name: 'test', version: '1' },
    );
    const hop = (tenant: string): Attributes => {
      const carrier = { baggage: `throughline.lineage=1.1.32.1.-.-.-,tenant=${tenant},long=${'x'.repeat(300)}` };
      receive(
        { transport: 'http', name: tenant, kind: SpanKind.SERVER, carrier, reader: nodeHeaders },
        () => {},
        settings,
      );
      return telemetry?.find(tenant).attributes ?? {};
    };
    expect(hop('blue')).toMatchObject({ tenant: 'blue', long: `${'x'.repeat(255)}…` });
    expect(hop('red')).toMatchObject({ tenant: '_other' });
    expect(hop('blue')).not.toHaveProperty('throughline.lineage');
    expect(attributesUnder({ tenant: 'green' })).toEqual({ tenant: '_other' });
    expect(attributesUnder({ tenant: 'blue' })).toEqual({ tenant: 'blue' });
  });

  it('a span starts also where the predicate throws, or baggage of another make does', () => {
    start({
      keys: () => {
        throw new Error('predicate');
      },
    });
    expect(attributesUnder({ a: '1' })).toEqual({});
    expect(warnings).toEqual([expect.stringMatching(/not copied onto a span: Error: predicate/)]);
    const foreign = { getEntry: () => ({ value: 7 }), getAllEntries: () => 'x' };
    const span = trace
      .getTracer('test')
      .startSpan('foreign', {}, propagation.setBaggage(ROOT_CONTEXT, foreign as never));
    expect(span.isRecording()).toBe(true);
    span.end();
  });

  it('is a span processor of both SDK lines, with nothing to flush', async () => {
    const processor = baggageSpanProcessor();
    expectTypeOf(processor).toExtend<NonNullable<TelemetryOptions['spanProcessors']>[number]>();
    expectTypeOf(processor).toExtend<NonNullable<Sdk2Options['spanProcessors']>[number]>();
    await expect(Promise.all([processor.forceFlush(), processor.shutdown()])).resolves.toBeDefined();
  });

  it('wrong options are told at once', () => {
    for (const maxValues of [0, -1, 1.5, NaN, '10']) {
      expect(() => baggageSpanProcessor({ maxValues: maxValues as number })).toThrow(/`maxValues` takes/);
      expect(() => hopSettings({ baggage: { maxValues: maxValues as number } }, { name: 't', version: '1' })).toThrow(
        /`baggage.maxValues` takes/,
      );
    }
    for (const keys of ['session.id', 7, null]) {
      expect(() => baggageSpanProcessor({ keys: keys as never })).toThrow(/`keys` takes/);
    }
    expect(() => baggageSpanProcessor({ keys: [''] })).toThrow(/`keys` takes/);
  });
});
