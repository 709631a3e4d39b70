import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { context, propagation, trace } from '@opentelemetry/api';
import type { Context, TextMapPropagator } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { contextFromEnv, traceEnv } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const TRACEPARENT = `00-${traceId}-b7ad6b7169203331-01`;

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
beforeEach(() => telemetry.reset());

const tenant = propagation.createBaggage({ tenant: { value: 'blue' } });

async function inSpan<T>(name: string, fn: () => T | Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan(name, async (span) => {
    try {
      return await fn();
    } finally {
      span.end();
    }
  });
}

const withTenant = <T>(fn: () => T): T => context.with(propagation.setBaggage(context.active(), tenant), fn);

// Lineage has tests of its own.
const ours = { firstParty: true, lineage: false } as const;
const theirs = { lineage: false } as const;

describe('traceEnv', () => {
  it("a child process's startup span is a child of the span that spawned it, and has its baggage", async () => {
    const run = promisify(execFile);
    const child = new URL('./child/startup.ts', import.meta.url).pathname;
    const { stdout } = await inSpan('spawn', () =>
      withTenant(() => run(process.execPath, [child], { env: traceEnv(process.env, ours) })),
    );
    const spawn = telemetry.find('spawn').spanContext();
    expect(JSON.parse(stdout)).toEqual({ traceId: spawn.traceId, parentSpanId: spawn.spanId, tenant: 'blue' });
  });

  it('without it, the startup span of a child process is the root of another trace', async () => {
    const child = new URL('./child/startup.ts', import.meta.url).pathname;
    const { stdout } = await inSpan('spawn', () => promisify(execFile)(process.execPath, [child]));
    const startup = JSON.parse(stdout) as { traceId: string; parentSpanId?: string };
    expect(startup.traceId).not.toBe(telemetry.find('spawn').spanContext().traceId);
    expect(startup.parentSpanId).toBeUndefined();
  });

  it('returns a copy of the whole environment, without what is undefined', async () => {
    const env = Object.freeze({ PATH: '/bin', EMPTY: '', GONE: undefined });
    const copy = await inSpan('spawn', () => traceEnv(env, theirs));
    expect(copy).toEqual({ PATH: '/bin', EMPTY: '', TRACEPARENT: expect.stringMatching(/^00-/) as string });
    expect(Object.keys(copy)).not.toContain('GONE');
    expect(traceEnv(process.env)['PATH']).toBe(process.env['PATH']);
  });

  it('says what to hand it where it is handed no environment', () => {
    expect(() => traceEnv(undefined as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_THROUGHLINE_ARGUMENT',
        message: expect.stringContaining('traceEnv(process.env)') as string,
      }),
    );
  });

  it('older fields go first, in every letter case', async () => {
    const stale = { traceparent: TRACEPARENT, TraceState: 'old=1', BAGGAGE: 'old=1', Tracestate: 'old=2', TRACEPARENT };
    const copy = await inSpan('spawn', () => traceEnv(stale, theirs));
    const { traceId, spanId } = telemetry.find('spawn').spanContext();
    expect(copy).toEqual({ TRACEPARENT: expect.stringMatching(`^00-${traceId}-${spanId}-0[0-3]$`) as string });
  });

  it('a child process gets baggage only where it is first-party', async () => {
    await inSpan('spawn', () =>
      withTenant(() => {
        expect(traceEnv({}, theirs)).not.toHaveProperty('BAGGAGE');
        expect(traceEnv({}, ours)).toHaveProperty('BAGGAGE', 'tenant=blue');
      }),
    );
  });

  it('with no span active, what is there stays', () => {
    expect(traceEnv({ TRACEPARENT, TRACESTATE: 'a=1' }, theirs)).toEqual({ TRACEPARENT, TRACESTATE: 'a=1' });
    expect(traceEnv({}, theirs)).toEqual({});
  });

  it('under suppressed tracing nothing is injected', async () => {
    await inSpan('spawn', () =>
      context.with(suppressTracing(context.active()), () => {
        expect(traceEnv({ PATH: '/bin' }, ours)).toEqual({ PATH: '/bin' });
        expect(traceEnv({ TRACEPARENT }, ours)).toEqual({ TRACEPARENT });
      }),
    );
  });

  it("under `outbound: 'suppress'` what is there is stripped", async () => {
    const env = { TRACEPARENT, tracestate: 'a=1', PATH: '/bin' };
    expect(await inSpan('spawn', () => traceEnv(env, { ...ours, outbound: 'suppress' }))).toEqual({ PATH: '/bin' });
  });

  it("with `existing: 'keep'` a valid TRACEPARENT stays, and one that is not is replaced", async () => {
    await inSpan('spawn', () => {
      expect(traceEnv({ TRACEPARENT }, { ...ours, existing: 'keep' })).toEqual({ TRACEPARENT });
      const replaced = traceEnv({ TRACEPARENT: 'x', TRACESTATE: 'a=1' }, { ...ours, existing: 'keep' });
      expect(replaced).toEqual({ TRACEPARENT: expect.stringMatching(/^00-/) as string });
    });
  });

  it('baggage goes through the limits', async () => {
    const baggage = propagation.createBaggage({ a: { value: 'x'.repeat(100) }, b: { value: '1' } });
    await inSpan('spawn', () =>
      context.with(propagation.setBaggage(context.active(), baggage), () => {
        expect(traceEnv({}, { ...ours, limits: { baggageBytes: 102 } })['BAGGAGE']).toBe(`a=${'x'.repeat(100)}`);
        expect(traceEnv({}, { ...ours, limits: { baggageBytes: 50 } })).not.toHaveProperty('BAGGAGE');
      }),
    );
  });

  it('a chain past its limits is refused where lineage enforces them', async () => {
    const lineage = { mode: 'enforce', maxCalls: 1 } as const;
    const options = { lineage };
    const started = contextFromEnv({ TRACEPARENT, BAGGAGE: 'throughline.lineage=1.31.32.1.-.-.-' }, options);
    context.with(started, () => {
      traceEnv({}, options);
      expect(() => traceEnv({}, options)).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_REFUSED' }));
    });
  });

  it("other propagators' fields travel under normalized names", async () => {
    const b3: TextMapPropagator = {
      inject: (_, carrier, setter) => {
        setter.set(carrier, 'x-b3-traceid', 'abc');
        setter.set(carrier, '3d', '1');
      },
      extract: (at: Context, carrier, getter) => {
        const id = getter.get(carrier, 'x-b3-traceid') as string | undefined;
        return id === undefined
          ? at
          : trace.setSpanContext(at, { traceId, spanId: 'b7ad6b7169203331', traceFlags: 1, isRemote: true });
      },
      fields: () => ['x-b3-traceid', '3d'],
    };
    const options = { ...ours, propagator: b3 };
    const env = await inSpan('spawn', () => traceEnv({ x_b3_traceid: 'old' }, options));
    expect(env).toEqual({ X_B3_TRACEID: 'abc', _3D: '1' });
    expect(trace.getSpanContext(contextFromEnv(env, options))?.traceId).toBe(traceId);
  });
});

describe('contextFromEnv', () => {
  it('reads TRACEPARENT, TRACESTATE and BAGGAGE', () => {
    const started = contextFromEnv({ TRACEPARENT, TRACESTATE: 'a=1', BAGGAGE: 'tenant=blue' });
    expect(trace.getSpanContext(started)).toMatchObject({ traceId, spanId: 'b7ad6b7169203331', isRemote: true });
    expect(trace.getSpanContext(started)?.traceState?.serialize()).toBe('a=1');
    expect(propagation.getBaggage(started)?.getEntry('tenant')?.value).toBe('blue');
  });

  it('reads the normalized names alone', () => {
    expect(
      trace.getSpanContext(contextFromEnv({ traceparent: TRACEPARENT, Traceparent: TRACEPARENT })),
    ).toBeUndefined();
  });

  it('starts from an empty base, also under suppressed tracing', async () => {
    const key = Symbol('ambient');
    await inSpan('ambient', () =>
      context.with(suppressTracing(context.active().setValue(key, true)), () => {
        const started = contextFromEnv({ TRACEPARENT: 'invalid' });
        expect(trace.getSpanContext(started)).toBeUndefined();
        expect(started.getValue(key)).toBeUndefined();
        expect(trace.getSpanContext(contextFromEnv({ TRACEPARENT }))?.traceId).toBe(traceId);
      }),
    );
  });

  it('reads within the limits', () => {
    const state = `a=${'x'.repeat(8192)}`;
    const started = contextFromEnv({ TRACEPARENT, TRACESTATE: state, BAGGAGE: `a=1,b=${'x'.repeat(9000)}` });
    expect(trace.getSpanContext(started)?.traceState).toBeUndefined();
    expect(propagation.getBaggage(started)?.getAllEntries()).toEqual([['a', { value: '1' }]]);
  });

  it('is counted as a hop of transport process', async () => {
    contextFromEnv({ TRACEPARENT });
    contextFromEnv({});
    contextFromEnv({ TRACEPARENT: 'x' });
    expect(await telemetry.hops()).toEqual({
      'process inbound continued': 1,
      'process inbound started': 1,
      'process inbound invalid': 1,
    });
  });

  it('a policy holds for it', () => {
    expect(trace.getSpanContext(contextFromEnv({ TRACEPARENT }, { inbound: 'restart' }))).toBeUndefined();
  });

  it('never throws, whatever the environment is', () => {
    const throwing = new Proxy(
      {},
      {
        get: () => {
          throw new Error('unreadable');
        },
      },
    );
    for (const env of [null, 7, 'x', [], throwing]) expect(() => contextFromEnv(env as never)).not.toThrow();
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('TRACEPARENT', 'TRACESTATE', 'BAGGAGE'), fc.anything()),
        (env) => void contextFromEnv(env as never),
      ),
    );
  });
});
