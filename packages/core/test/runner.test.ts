import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { hopSettings, metaFields, OpenHops, runInbound, runOutbound } from '@throughline/core/adapter';
import type { InboundHop, OutboundHop } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => {
  vi.useRealTimers();
  return telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const inbound: InboundHop = {
  transport: 'queue',
  name: 'work',
  kind: SpanKind.CONSUMER,
  carrier: undefined,
  reader: metaFields,
};
const outbound: OutboundHop = {
  transport: 'queue',
  name: 'call',
  kind: SpanKind.PRODUCER,
  target: { transport: 'queue', channel: 'broker' },
};
const settings = (options?: HopOptions) => hopSettings(options, { name: 'test', version: '1' });

/** What comes out of `fn`: what it returns or resolves with, or what it throws or rejects with. */
async function outcome(fn: () => unknown): Promise<{ value?: unknown; thrown?: unknown }> {
  try {
    return { value: await fn() };
  } catch (thrown) {
    return { thrown };
  }
}

const ends = {
  runOutbound: (work: () => unknown) => runOutbound(outbound, settings(), { call: work }),
  runInbound: (work: () => unknown) => runInbound(inbound, settings(), { work }),
};

describe.each(Object.entries(ends))('%s', (_, run) => {
  const span = () => telemetry.spans()[0];

  it.each<[string, unknown, string]>([
    ['an error', new RangeError('mine'), 'RangeError'],
    ['an error with a code', Object.assign(new Error('mine'), { code: 'ECONNRESET' }), 'ECONNRESET'],
    ['undefined', undefined, '_OTHER'],
    ['null', null, '_OTHER'],
    ['text', 'mine', '_OTHER'],
    ['a frozen object', Object.freeze({}), '_OTHER'],
    [
      'an error whose getters throw',
      Object.defineProperty(new Error(), 'name', {
        get() {
          throw new Error('from the getter');
        },
      }),
      '_OTHER',
    ],
  ])('a failure with %s is an error, and comes out as the same value', async (_name, value, type) => {
    for (const work of [
      () => {
        throw value;
      },
      () => Promise.reject(value),
    ]) {
      await telemetry.reset();
      const { thrown } = await outcome(() => run(work));
      expect(thrown).toBe(value);
      expect(span()?.status.code).toBe(SpanStatusCode.ERROR);
      expect(span()?.attributes['error.type']).toBe(type);
    }
  });

  it('what comes out well is no error: a value, a promise, undefined', async () => {
    for (const work of [() => 7, () => Promise.resolve(7), () => undefined, () => Promise.resolve()]) {
      await telemetry.reset();
      await outcome(() => run(work));
      expect(span()?.status.code).toBe(SpanStatusCode.UNSET);
      expect(span()?.attributes).not.toHaveProperty('error.type');
    }
  });

  it('a thenable that runs once it is asked for is not started, keeps its members, and ends the span when it is asked', async () => {
    let started = 0;
    const lazy = {
      text: () => 'its own',
      then(fulfilled: (value: number) => unknown, rejected?: (error: unknown) => unknown) {
        started++;
        return Promise.resolve(7).then(fulfilled, rejected);
      },
    };
    const result = run(() => lazy) as typeof lazy;
    expect([started, telemetry.spans().length, result.text()]).toEqual([0, 0, 'its own']);
    expect(await result).toBe(7);
    expect([started, telemetry.spans().length]).toEqual([1, 1]);
  });

  it('a rejection that nobody handles is still told to the process', async () => {
    const told: unknown[] = [];
    const mine = new Error('nobody handles it');
    const listener = (error: unknown): void => void told.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', listener);
    try {
      void run(() => Promise.reject(mine));
      await new Promise((resolve) => setTimeout(resolve, 5));
    } finally {
      process.removeListener('unhandledRejection', listener);
      for (const other of others) process.on('unhandledRejection', other);
    }
    expect(told).toEqual([mine]);
  });
});

describe('the life of a hop', () => {
  it('is measured with its outcome, once, and only where somebody measures', async () => {
    const measured: unknown[] = [];
    const measure = (seconds: number, how: unknown): void => void measured.push(seconds >= 0, how);
    await runOutbound(outbound, settings(), { call: async () => 503, outcome: () => ({ errorType: '503' }), measure });
    await outcome(() => runOutbound(outbound, settings(), { call: () => Promise.reject(), measure }));
    expect(measured).toEqual([true, { errorType: '503' }, true, { failed: true, error: undefined }]);
  });

  it('is among the open hops of its client for as long, and is abandoned with them', async () => {
    const open = new OpenHops();
    let release = (): void => {};
    const waiting = runInbound(inbound, settings(), {
      work: () => new Promise<void>((resolve) => (release = resolve)),
      open,
    });
    expect(open.size).toBe(1);
    open.abandon();
    expect(telemetry.find('work').attributes['error.type']).toBe('abandoned');
    release();
    await waiting;
    expect([open.size, telemetry.spans().length]).toEqual([0, 1]);
  });

  it('is given up at its time limit, and the work runs on', async () => {
    vi.useFakeTimers();
    let release: (text: string) => void = () => {};
    const work = () => new Promise<string>((resolve) => (release = resolve));
    const waiting = runInbound(inbound, settings(), { work, timeout: 1000 });
    vi.advanceTimersByTime(1000);
    expect(telemetry.find('work').attributes['error.type']).toBe('handler_timeout');
    release('done');
    expect(await waiting).toBe('done');
  });

  it('has no time limit any more once it has ended, by whatever', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const open = new OpenHops();
    let release = (): void => {};
    const work = () => new Promise<void>((resolve) => (release = resolve));
    const waiting = runInbound(inbound, settings({ spans: false }), { work, open, timeout: 1000 });
    expect(vi.getTimerCount()).toBe(1);
    open.abandon();
    expect(vi.getTimerCount()).toBe(0);
    release();
    await waiting;
  });

  it('runs inbound work in the context of its span, and an outbound call in the caller’s', () => {
    runInbound(inbound, settings(), {
      work: ({ span }) => {
        expect(trace.getSpan(context.active())).toBe(span);
        runOutbound(outbound, settings(), {
          call: (sending) => expect(trace.getSpan(context.active())).toBe(span) ?? sending.fields,
        });
      },
    });
    expect(telemetry.find('call').parentSpanContext?.spanId).toBe(telemetry.find('work').spanContext().spanId);
  });

  it('does no work where the limits of the chain refuse it, and answers as the adapter says', () => {
    const enforce = settings({ lineage: { mode: 'enforce', maxHops: 2 } });
    const carrier = { baggage: 'throughline.lineage=1.3.32.1.-.-.-' };
    const work = vi.fn<() => string>();
    const answer = runInbound({ ...inbound, carrier }, enforce, {
      work,
      refused: ({ refused }) => `refused: ${refused}`,
    });
    expect(answer).toBe('refused: hops');
    expect(() => runInbound({ ...inbound, carrier }, enforce, { work })).toThrow('3 hops deep');
    expect(work).not.toHaveBeenCalled();
    expect(telemetry.spans().map((span) => span.attributes['error.type'])).toEqual([
      'throughline.hops',
      'throughline.hops',
    ]);
  });
});
