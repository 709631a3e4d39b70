import { context, createContextKey, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startOutbound } from '../src/adapter.ts';
import type { Refused } from '../src/index.ts';
import { kafka, OpenMessage, receiverSettings, runRefused } from '../src/messaging/index.ts';
import type { Receiver, ReceiverOptions } from '../src/messaging/index.ts';

let telemetry: ReturnType<typeof startTelemetry>;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());
beforeEach(() => telemetry.reset());
afterEach(() => vi.useRealTimers());

/** How many timers there are, those aside by which the exporter answers. */
const timers = (): number => vi.advanceTimersByTime(1).getTimerCount();

const scope = { name: 'test', version: '1' };
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const kind = {
  scope,
  system: kafka,
  errorType: (error: unknown) => (error as { code?: string } | undefined)?.code,
  messageOf: () => undefined,
};
const receiverOf = (options: ReceiverOptions<object> = {}): Receiver<object> => receiverSettings<object>(options, kind);
const message = (baggage?: string) => ({
  topic: 't',
  headers: { traceparent, ...(baggage && { baggage }) },
  message: {},
});
const errors = (): unknown[] => telemetry.spans().map((span) => span.attributes['error.type']);

describe('a message that no handler is called for', () => {
  it('is open until it is settled, and ends once', () => {
    const receiver = receiverOf();
    const open = new OpenMessage(message(), receiver);
    expect([open.ended, receiver.open.size, telemetry.spans()]).toEqual([false, 1, []]);
    expect(open.run(() => trace.getActiveSpan()?.spanContext().traceId)).toBe(traceparent.slice(3, 35));
    open.end();
    open.end({ errorType: 'late' });
    receiver.open.abandon();
    expect([open.ended, receiver.open.size, errors()]).toEqual([true, 0, [undefined]]);
    expect(telemetry.find('process t').links).toHaveLength(1);
  });

  it('that failed says as what, as its client knows it', () => {
    new OpenMessage(message(), receiverOf()).end({ failed: true, error: { code: 'GONE' } });
    new OpenMessage(message(), receiverOf()).end({ failed: true, error: new RangeError('far') });
    new OpenMessage(message(), receiverOf()).end({ errorType: 'rejected' });
    expect(errors()).toEqual(['GONE', 'RangeError', 'rejected']);
  });

  it('is given up after `handlerTimeout`, which starts anew when its handler says that it goes on', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const open = new OpenMessage(message(), receiverOf({ handlerTimeout: 100 }));
    vi.advanceTimersByTime(99);
    open.prolong();
    vi.advanceTimersByTime(99);
    expect(open.ended).toBe(false);
    vi.advanceTimersByTime(1);
    open.end();
    open.prolong();
    open.within(1);
    expect([open.ended, errors(), timers()]).toEqual([true, ['handler_timeout'], 0]);
  });

  it('has no limit that nobody set, and takes one later', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const open = new OpenMessage(message(), receiverOf());
    open.prolong();
    expect(timers()).toBe(0);
    open.within(10);
    open.within(50);
    vi.advanceTimersByTime(49);
    expect(open.ended).toBe(false);
    vi.advanceTimersByTime(1);
    expect(errors()).toEqual(['handler_timeout']);
  });

  it('is abandoned when its client goes, and holds no timer then', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const receiver = receiverOf({ handlerTimeout: 100 });
    const open = new OpenMessage(message(), receiver);
    receiver.open.abandon();
    open.end();
    expect([open.ended, errors(), timers()]).toEqual([true, ['abandoned'], 0]);
  });
});

describe('a message whose chain is past a limit', () => {
  const lineage = { mode: 'enforce', maxHops: 2 } as const;
  const refusedBy = (receiver: Receiver<object>): { readonly open: OpenMessage; readonly refused: Refused } => {
    const open = new OpenMessage(message('throughline.lineage=1.3.32.1.-.-.-'), receiver);
    const { hop } = open;
    if (hop.refused === undefined) throw new Error('it was not refused');
    return { open, refused: hop };
  };

  it('goes to `onRefused`, in its context, where what is sent on is not refused', () => {
    const receiver = receiverOf({ lineage });
    const { open, refused } = refusedBy(receiver);
    const payload = {};
    const send = {
      transport: 'kafka',
      name: 'send parked',
      kind: 3,
      target: { transport: 'kafka', channel: 'broker' },
    } as const;
    const parked = (given: Refused, what: object): unknown => {
      const sending = startOutbound(send, receiver.hop);
      sending.end();
      return [given === refused, what === payload, sending.refused, trace.getActiveSpan()?.spanContext().traceId];
    };
    expect(runRefused(refused, parked, payload)).toEqual([true, true, undefined, traceparent.slice(3, 35)]);
    open.end();
    expect(telemetry.find('process t').attributes['error.type']).toBe('throughline.hops');
  });

  it('is thrown as the LineageError without one; an error of `onRefused` is the same object', () => {
    const { open, refused } = refusedBy(receiverOf({ lineage }));
    expect(() => runRefused(refused, undefined, {})).toThrow(refused.error);
    const mine = { mine: true };
    const throwing = (): never => {
      throw mine;
    };
    let caught: unknown;
    try {
      runRefused(refused, throwing, {});
    } catch (error) {
      caught = error;
    }
    expect(caught).toBe(mine);
    open.end();
  });

  it('leaves the context of its caller as it was', () => {
    const key = createContextKey('caller');
    const { open, refused } = refusedBy(receiverOf({ lineage }));
    context.with(ROOT_CONTEXT.setValue(key, 1), () => {
      runRefused(refused, () => {}, {});
      expect(context.active().getValue(key)).toBe(1);
    });
    open.end();
  });
});
