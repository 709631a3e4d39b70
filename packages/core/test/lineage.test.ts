import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  currentLineage,
  isLineageError,
  withAttempt,
  withBudget,
  withDeadline,
  W3CPropagator,
} from '@throughline/core';
import { receive, send } from '@throughline/core/adapter';
import {
  formatTraceparent,
  hopSettings,
  messageHeaders,
  parseBaggage,
  startInbound,
  startOutbound,
} from '@throughline/core/adapter';
import type { HopOptions, LineageEvent } from '@throughline/core';
import type { InboundHop, OutboundHop } from '@throughline/core/adapter';
import { parseLineage } from '../src/lineage/codec.ts';
import type { LineageFields } from '../src/lineage/codec.ts';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const settings = (options?: HopOptions) => hopSettings(options, { name: '@throughline/test', version: '1.0.0' });
type Fields = Readonly<Record<string, string>>;

const arriving = (carrier: unknown, more: Partial<InboundHop> = {}): InboundHop => ({
  transport: 'test',
  name: 'receive',
  kind: SpanKind.CONSUMER,
  carrier,
  reader: messageHeaders,
  ...more,
});
const leaving = (more: Partial<OutboundHop> = {}): OutboundHop => ({
  transport: 'test',
  name: 'send',
  kind: SpanKind.PRODUCER,
  target: { transport: 'test', channel: 'broker' },
  ...more,
});

/** Agents that pass one message on and on: what each sees, until one refuses or `most` have had it. */
function relay(
  most: number,
  options: HopOptions,
  between: (fields: Fields) => Fields = (fields) => fields,
  first: Fields = {},
) {
  const agent = settings(options);
  const seen: number[] = [];
  let fields = first;
  let refused: unknown;
  for (let at = 0; at < most && refused === undefined; at++) {
    try {
      receive(
        arriving(fields),
        () => {
          seen.push(currentLineage()?.hops ?? -1);
          fields = between(send(leaving(), (sent) => sent, agent));
        },
        agent,
      );
    } catch (error) {
      refused = error;
    }
  }
  return { seen, refused, fields };
}

const caller = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  traceFlags: TraceFlags.SAMPLED,
};

const member = (fields: Fields): string | undefined =>
  parseBaggage(fields['baggage'])?.getEntry('throughline.lineage')?.value;

describe('lineage on the wire', () => {
  it('counts hops from the root, in one member of under 200 bytes, before the user’s own', () => {
    const { seen, fields } = relay(20, { agent: 'an agent with a rather long name of its own' });
    expect(seen).toEqual(Array.from({ length: 20 }, (_, hops) => hops));
    expect(fields['baggage']?.startsWith('throughline.lineage=1.20.32.1.-.-.')).toBe(true);
    expect(fields['baggage']?.length).toBeLessThan(200);
  });

  it('`spans: false` begins no chain that says nothing, and goes on with one that arrived or that an inbound end began', () => {
    const sent = (options: HopOptions): string | undefined =>
      context.with(trace.setSpanContext(ROOT_CONTEXT, caller), () => send(leaving(), member, settings(options)));
    expect(sent({})).toBe('1.1.32.1.-.-.-');
    expect(sent({ spans: false })).toBeUndefined();
    expect(sent({ spans: false, lineage: { maxHops: 8 } })).toBe('1.1.8.1.-.-.-');
    expect(sent({ spans: false, lineage: { budget: 9 } })).toBe('1.1.32.1.-.1.-');
    expect(sent({ spans: false, agent: 'planner' })).toMatch(/^1\.1\.32\.1\.-\.-\.[0-9a-z]+$/);

    const first = { traceparent: formatTraceparent(caller) ?? '' };
    const loop = relay(100, { spans: false, lineage: { mode: 'enforce' } }, (fields) => fields, first);
    expect(loop.seen).toEqual(Array.from({ length: 32 }, (_, hops) => hops + 1));
    expect(loop.refused).toSatisfy(isLineageError);
  });

  it('is under 200 bytes with every number at its largest', () => {
    const hash = 'zzzzzzz';
    const text = `1.999999999.999999999.999999999.zzzzzzzzz.999999999.${Array(8).fill(hash).join('~')}`;
    expect(`throughline.lineage=${text}`.length).toBeLessThan(200);
    receive(arriving({ baggage: `throughline.lineage=${text}` }), () => {
      expect(currentLineage()).toMatchObject({ hops: 999_999_999, attempt: 999_999_999, path: Array(8).fill(hash) });
    });
  });

  it('leaves the user’s baggage as it was, and all of it', () => {
    const user = Array.from({ length: 64 }, (_, at) => `k${at}=${'v'.repeat(100)}`).join(',');
    expect(user.length).toBeLessThan(8192 - 200);
    receive(arriving({ baggage: `throughline.lineage=1.3.32.1.-.-.-,${user}` }), (received) => {
      const held = propagation.getBaggage(received);
      expect(held?.getAllEntries()).toHaveLength(64);
      const { fields } = startOutbound(leaving()) as { fields: Fields };
      // 64 members in all: the last of the user's makes room.
      expect(fields['baggage']).toBe(`throughline.lineage=1.4.32.1.-.-.-,${user.slice(0, user.lastIndexOf(','))}`);
    });
  });

  it.each([
    ['at the end', 'a=1,throughline.lineage=1.3.32.1.-.-.-'],
    ['in the middle, with blanks', 'a=1 , throughline.lineage = 1.3.32.1.-.-.- ,b=2'],
    ['with a property', 'throughline.lineage=1.3.32.1.-.-.-;p=1,a=1'],
    ['with an encoded key', 'throughline%2Elineage=1.0.32.1.-.-.-,throughline.lineage=1.3.32.1.-.-.-,a=1'],
    ['of a later version', 'throughline.lineage=3.3.32.1.-.-.-.-.-.new,a=1'],
  ])('is found %s', (_, baggage) => {
    receive(arriving({ baggage }), () => expect(currentLineage()?.hops).toBe(3));
  });

  it.each(['throughline%2Elineage', '%74hroughline.lineage', 'throughline.%6c%69neage', 'throughline.lineage'])(
    'is never baggage of the user’s under a restart that accepts all, as %s too',
    (key) => {
      const restarting = settings({ inbound: 'restart', baggage: { accept: ['*'] } });
      const forged = `${key}=1.31.32.1.-.-.-`;
      for (const baggage of [
        forged,
        `${forged},a=1`,
        `a=1,${forged}`,
        `throughline.lineage=1.9.32.1.-.-.-,${forged},a=1`,
      ]) {
        receive(
          arriving({ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', baggage }),
          (received) => {
            const keys =
              propagation
                .getBaggage(received)
                ?.getAllEntries()
                .map(([name]) => name) ?? [];
            expect(keys.filter((name) => name !== 'a')).toEqual([]);
            expect(currentLineage()?.hops ?? 0).toBe(0);
            const { fields } = startOutbound(leaving()) as { fields: Fields };
            expect(fields['baggage']).not.toMatch(/31|1\.9/);
          },
          restarting,
        );
      }
    },
  );

  it('does not count a malformed member, and never throws', () => {
    for (const text of [
      '',
      '1',
      '1.1.1.1.1.1',
      '0.1.32.1.-.-.-',
      '1.-1.32.1.-.-.-',
      '1.1e3.32.1.-.-.-',
      '1.1.32.0.-.-.-',
    ]) {
      receive(arriving({ baggage: `throughline.lineage=${text}` }), () => expect(currentLineage()?.hops).toBe(0));
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        receive(arriving({ baggage: `throughline.lineage=${text}` }), () => {
          const { hops, maxHops } = currentLineage() ?? {};
          expect(hops).toBeGreaterThanOrEqual(0);
          expect(maxHops).toBeLessThanOrEqual(32);
        });
      }),
    );
  });

  it('is passed on by propagators that are not ours, and the deeper of two counts', () => {
    receive(arriving({ baggage: 'throughline.lineage=1.7.32.1.-.-.-' }), (received) => {
      const carrier: Record<string, string> = {};
      new W3CPropagator().inject(received, carrier, { set: (into, key, value) => (into[key] = value) });
      expect(member(carrier)).toBe('1.7.32.1.-.-.-');
      const over = new W3CPropagator().extract(
        received,
        { baggage: 'throughline.lineage=1.2.32.1.-.-.-' },
        {
          keys: Object.keys,
          get: (from, key) => (from as Fields)[key],
        },
      );
      expect(currentLineage(over)?.hops).toBe(7);
    });
  });

  it('travels in baggage where the propagator carries none', () => {
    const bare = { propagator: new W3CTraceContextPropagator() };
    const { seen, fields } = relay(3, bare);
    expect(seen).toEqual([0, 1, 2]);
    expect(fields['baggage']).toBe('throughline.lineage=1.3.32.1.-.-.-');
  });

  it('is left out by the root of a trace, whose `traceparent` says one hop already, unless there is more to say', () => {
    const first = (options?: HopOptions) => (startOutbound(leaving(), settings(options)) as { fields: Fields }).fields;
    expect(Object.keys(first())).toEqual(['traceparent']);
    receive(arriving(first()), () => {
      expect(currentLineage()).toMatchObject({ hops: 1, maxHops: 32 });
      expect(member(first())).toBe('1.2.32.1.-.-.-');
    });
    expect(member(first({ agent: 'planner' }))).toMatch(/^1\.1\.32\./);
    expect(member(first({ lineage: { maxHops: 32 } }))).toBe('1.1.32.1.-.-.-');
    expect(member(first({ lineage: { budget: 9 } }))).toBe('1.1.32.1.-.1.-');
    expect(member(withAttempt(2, () => first()))).toBe('1.1.32.2.-.-.-');
    // Whether it is the root is not known where a span is active.
    trace.getTracer('test').startActiveSpan('turn', (turn) => {
      expect(member(first())).toBe('1.1.32.1.-.-.-');
      turn.end();
    });
    const links = [{ context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 } }];
    receive(arriving(undefined, { links }), () => expect(currentLineage()?.hops).toBe(1));
    receive(arriving(first()), () => expect(currentLineage()?.hops).toBe(0), settings({ inbound: 'restart' }));
  });

  it('does not begin where nothing is traced, and is neither read nor written when it is off', () => {
    const { fields } = startOutbound(leaving({ span: false })) as { fields: Fields };
    expect(fields).toEqual({});
    const { seen, fields: last } = relay(2, { lineage: false });
    expect(seen).toEqual([-1, -1]);
    expect(last['baggage']).toBeUndefined();
  });
});

describe('a chain of agents', () => {
  it('is observed past its limit: events on both ends, nothing refused', () => {
    const events: LineageEvent[] = [];
    const { seen, refused } = relay(6, { lineage: { maxHops: 3, onLineage: (event) => events.push(event) } });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(refused).toBeUndefined();
    expect(events.map(({ reason, direction, refused: no }) => [reason, direction, no])).toEqual([
      ['hops', 'outbound', false],
      ['hops', 'inbound', false],
      ['hops', 'outbound', false],
      ['hops', 'inbound', false],
      ['hops', 'outbound', false],
    ]);
    const marked = telemetry
      .spans()
      .filter((span) => span.events.some(({ name }) => name === 'throughline.lineage.exceeded'));
    expect(marked).toHaveLength(5);
    expect(marked[0]?.events[0]?.attributes).toEqual({ 'throughline.lineage.reason': 'hops' });
  });

  it('is refused past its limit when enforced: by the sender before it sends', () => {
    const { seen, refused } = relay(100, { lineage: { maxHops: 3, mode: 'enforce' } });
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(isLineageError(refused)).toBe(true);
    expect(refused).toMatchObject({ name: 'LineageError', reason: 'hops', lineage: { hops: 3, maxHops: 3 } });
    const last = telemetry.spans().find((span) => span.attributes['error.type'] === 'throughline.hops');
    expect(last?.kind).toBe(SpanKind.PRODUCER);
  });

  it('is refused by a receiver where the sender only observes, before any work', () => {
    const fields = { baggage: 'throughline.lineage=1.9.8.1.-.-.-' };
    const received = startInbound(arriving(fields), settings({ lineage: { mode: 'enforce' } }));
    expect(received).toMatchObject({ refused: 'hops', outcome: 'refused' });
    received.end();
    expect(telemetry.spans()[0]?.attributes).toMatchObject({
      'error.type': 'throughline.hops',
      'throughline.lineage.hops': 9,
    });
    expect(telemetry.spans()[0]?.status.message).toMatch(/9 hops deep, and its limit is 8/);
  });

  it('tightens, never widens', () => {
    receive(
      arriving({ baggage: 'throughline.lineage=1.1.10.1.-.50.-' }),
      () => {
        expect(currentLineage()).toMatchObject({ maxHops: 10, budget: 50 });
      },
      settings({ lineage: { maxHops: 20, budget: 100 } }),
    );
    receive(
      arriving({ baggage: 'throughline.lineage=1.1.10.1.-.50.-' }),
      () => {
        expect(currentLineage()).toMatchObject({ maxHops: 5, budget: 20 });
        expect(member((startOutbound(leaving()) as { fields: Fields }).fields)).toMatch(/^1\.2\.5\./);
      },
      settings({ lineage: { maxHops: 5, budget: 20 } }),
    );
  });

  it('shows a cycle, and does not refuse it', async () => {
    const events: LineageEvent[] = [];
    const lineage = { mode: 'enforce' as const, onLineage: (event: LineageEvent) => events.push(event) };
    const a = settings({ agent: 'A', lineage });
    const b = settings({ agent: 'B', lineage });
    let fields: Fields = send(leaving(), (sent) => sent, a);
    fields = receive(arriving(fields), () => send(leaving(), (sent) => sent, b), b);
    await telemetry.reset();
    receive(arriving(fields), () => expect(currentLineage()?.path).toHaveLength(2), a);
    expect(events).toMatchObject([{ reason: 'cycle', refused: false, direction: 'inbound' }]);
    expect(telemetry.spans()[0]?.attributes['throughline.lineage.cycle']).toBe(true);
  });

  it('ends a reply where its request began, so that asking and answering never gets deeper', () => {
    const agent = settings({ lineage: { mode: 'enforce', maxHops: 2 } });
    let fields: Fields = {};
    const planner: number[] = [];
    for (let round = 0; round < 1000; round++) {
      receive(
        arriving(fields),
        () => {
          planner.push(currentLineage()?.hops ?? -1);
          fields = send(leaving(), (sent) => sent, agent);
        },
        agent,
      );
      receive(
        arriving(fields),
        () => {
          expect(currentLineage()?.hops).toBe(1);
          fields = send(leaving({ reply: true }), (sent) => sent, agent);
        },
        agent,
      );
    }
    expect(new Set(planner)).toEqual(new Set([0]));
  });

  it('survives a restart only when the policy keeps it, and age always', () => {
    const fields = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      baggage: 'throughline.lineage=1.7.32.1.-.-.-,a=1',
    };
    const hops = (options: HopOptions, more?: Partial<InboundHop>) =>
      receive(
        arriving(fields, more),
        (received) => {
          expect(trace.getSpanContext(received)?.traceId).not.toBe('0af7651916cd43dd8448eb211c80319c');
          expect(propagation.getBaggage(received)?.getEntry('a')).toBeUndefined();
          return currentLineage()?.hops;
        },
        settings(options),
      );
    expect(hops({ inbound: 'restart' })).toBe(0);
    expect(hops({ inbound: 'restart-with-link', lineage: { keepOnRestart: true } })).toBe(7);
    expect(hops({}, { stale: true })).toBe(7);
  });

  it('is as deep as the deepest of the parts that arrived together', () => {
    const parts = [3, 9, 5].map((hops) => parseLineage(`1.${hops}.${40 - hops}.1.-.-.-`) as LineageFields);
    receive(arriving(undefined, { parts }), () => {
      expect(currentLineage()).toMatchObject({ hops: 9, maxHops: 31, deadline: undefined });
      expect(member((startOutbound(leaving()) as { fields: Fields }).fields)).toMatch(/^1\.10\.31\./);
    });
  });
});

describe('calls and budget', () => {
  const calls = (n: number, options: HopOptions, more: Partial<OutboundHop> = {}): number => {
    const agent = settings(options);
    return receive(
      arriving({}),
      () => {
        let made = 0;
        for (; made < n; made++) {
          const sending = startOutbound(leaving(more), agent);
          sending.end();
          if (sending.refused !== undefined) break;
        }
        return made;
      },
      agent,
    );
  };

  it('maxCalls stops a loop at depth one, counted with and without spans', () => {
    expect(calls(1000, { lineage: { mode: 'enforce', maxCalls: 100 } })).toBe(100);
    expect(calls(1000, { spans: false, lineage: { mode: 'enforce', maxCalls: 100 } })).toBe(0 + 100);
    expect(calls(1000, { lineage: { mode: 'enforce' } })).toBe(1000);
  });

  it('in observe mode it is an event', () => {
    expect(calls(102, { lineage: { maxCalls: 100 } })).toBe(102);
    const marked = telemetry.spans().filter((span) => span.events.length > 0);
    expect(marked.map((span) => span.events[0]?.attributes)).toEqual([
      { 'throughline.lineage.reason': 'calls' },
      { 'throughline.lineage.reason': 'calls' },
    ]);
  });

  it.each([1, 2, 8, 100])('a chain never spends more calls than its root allowed, split over %i', (fanOut) => {
    const agent = settings({ lineage: { mode: 'enforce', budget: 200, fanOut, maxHops: 1000 } });
    let made = 0;
    // Everyone calls until refused, and everyone called does the same: a runaway.
    const work = (fields: Fields): void => {
      receive(
        arriving(fields),
        () => {
          for (;;) {
            const sending = startOutbound(leaving(), agent);
            sending.end();
            if (sending.refused !== undefined) return;
            made++;
            work(sending.fields);
          }
        },
        agent,
      );
    };
    work({});
    expect(made).toBeGreaterThan(50);
    expect(made).toBeLessThanOrEqual(200);
  });

  it('splits over the messages of one send, and a reply brings back what is left', () => {
    const agent = settings({ lineage: { budget: 100, fanOut: 1 } });
    receive(
      arriving({}),
      () => {
        const fields = send(leaving({ messages: 10 }), (sent) => sent, agent);
        expect(member(fields)).toBe('1.1.32.1.-.9.-');
        const answer = receive(arriving(fields), () => send(leaving({ reply: true }), (sent) => sent, agent), agent);
        expect(member(answer)).toBe('1.0.32.1.-.9.-');
      },
      agent,
    );
  });

  it('withBudget sets calls aside and gives back what was not spent', async () => {
    const agent = settings({ lineage: { mode: 'enforce', budget: 20, fanOut: 1000 } });
    await receive(
      arriving({}),
      async () => {
        await withBudget(5, async () => {
          expect(currentLineage()?.budget).toBe(5);
          startOutbound(leaving(), agent).end();
          await Promise.resolve();
          startOutbound(leaving(), agent).end();
        });
        expect(currentLineage()?.budget).toBe(18);
        expect(withBudget(50, () => currentLineage()?.budget)).toBe(18);
        expect(() =>
          withBudget(1, () => {
            send(leaving(), () => undefined, agent);
            send(leaving(), () => undefined, agent);
          }),
        ).toThrow(/are spent/);
        expect(currentLineage()?.budget).toBe(17);
      },
      agent,
    );
  });
});

describe('attempts', () => {
  it('multiply: two agents that retry three times each show nine attempts under one cause', () => {
    const last: number[] = [];
    const agent = settings();
    trace.getTracer('test').startActiveSpan('cause', (cause) => {
      for (let first = 1; first <= 3; first++) {
        const fields = withAttempt(first, () => send(leaving(), (sent) => sent, agent));
        receive(
          arriving(fields),
          () => {
            for (let second = 1; second <= 3; second++) {
              const inner = withAttempt(second, () => send(leaving(), (sent) => sent, agent));
              receive(arriving(inner), () => last.push(currentLineage()?.attempt ?? 0), agent);
            }
          },
          agent,
        );
      }
      cause.end();
    });
    expect(last).toEqual([1, 2, 3, 2, 4, 6, 3, 6, 9]);
    const spans = telemetry.spans();
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(spans.filter((span) => span.attributes['throughline.lineage.attempt'] === 9)).toHaveLength(2);
  });

  it('are limited, and the number is checked', () => {
    const agent = settings({ lineage: { mode: 'enforce', maxAttempts: 4 } });
    expect(() => withAttempt(5, () => send(leaving(), () => undefined, agent))).toThrow(/attempt 5 of the same work/);
    expect(() => withAttempt(0, () => 1)).toThrow(/number of the attempt, from 1/);
  });
});

describe('deadlines', () => {
  it('travel, tighten and abort', async () => {
    const agent = settings({ lineage: { mode: 'enforce' } });
    // Until its function has settled, somebody holds the signal.
    const { fields, signal } = await withDeadline(250, async (own) => {
      const sending = startOutbound(leaving(), agent);
      if (sending.refused !== undefined) throw sending.error;
      sending.end();
      expect(sending.signal).toBe(own);
      withDeadline(10_000, () => expect(currentLineage()?.deadline).toBeLessThan(Date.now() + 1000));
      receive(
        arriving(sending.fields),
        () => {
          expect(currentLineage()?.deadline).toBeGreaterThan(Date.now());
          expect(currentLineage()?.signal?.aborted).toBe(false);
        },
        agent,
      );
      if (!own.aborted) await new Promise((resolve) => own.addEventListener('abort', resolve));
      return { fields: sending.fields, signal: own };
    });
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(startInbound(arriving(fields), agent)).toMatchObject({ refused: 'deadline' });
    receive(arriving(fields), () => expect(currentLineage()?.signal?.aborted).toBe(true), settings());
  });

  it('of another process only bind a call here in enforce mode', () => {
    const fields = { baggage: `throughline.lineage=1.1.32.1.${(Date.now() + 60_000).toString(36)}.-.-` };
    const signal = (options: HopOptions) =>
      receive(arriving(fields), () => (startOutbound(leaving(), settings(options)) as { signal?: AbortSignal }).signal);
    expect(signal({})).toBeUndefined();
    expect(signal({ lineage: { mode: 'enforce' } })).toBeInstanceOf(AbortSignal);
  });

  it('of another process count as an hour away at the most, or as the receiver says', () => {
    const days23 = Date.now() + 23 * 86_400_000;
    const fields = { baggage: `throughline.lineage=1.1.32.1.${days23.toString(36)}.-.-` };
    const away = (options: HopOptions): number[] => {
      const agent = settings(options);
      return receive(
        arriving(fields),
        () => {
          const { fields: sent } = startOutbound(leaving(), agent) as { fields: Fields };
          const told = parseLineage(member(sent))?.deadline ?? Number.NaN;
          return [currentLineage()?.deadline ?? Number.NaN, told].map((moment) => moment - Date.now());
        },
        agent,
      );
    };
    for (const [options, most] of [
      [{}, 3_600_000],
      [{ lineage: { maxDeadline: 900 } }, 900],
      [{ lineage: { maxDeadline: 7_200_000 } }, 7_200_000],
    ] as const) {
      for (const left of away(options)) {
        expect(left).toBeLessThanOrEqual(most);
        expect(left).toBeGreaterThan(most - 800);
      }
    }
    withDeadline(7_200_000, () => expect(currentLineage()?.deadline).toBeGreaterThan(Date.now() + 7_000_000));
  });

  it('wake who only waits for them, and who still has the signal when the hop is over', async () => {
    const member = `throughline.lineage=1.1.32.1.${(Date.now() + 60).toString(36)}.-.-`;
    const outlives = receive(arriving({ baggage: member }), () => currentLineage()?.signal);
    const woken = withDeadline(40, (signal) => new Promise((resolve) => signal.addEventListener('abort', resolve)));
    // A weak reference holds until the turn is over.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    await woken;
    if (outlives?.aborted === false) await new Promise((resolve) => outlives.addEventListener('abort', resolve));
    expect(outlives?.aborted).toBe(true);
  });

  it('abort in nobody’s context', async () => {
    const requests = new AsyncLocalStorage<string>();
    const seen = await requests.run('mine', () =>
      withDeadline(
        5,
        (signal) =>
          new Promise((resolve) =>
            signal.addEventListener('abort', () => resolve([requests.getStore(), currentLineage()])),
          ),
      ),
    );
    expect(seen).toEqual([undefined, undefined]);
  });

  it('far away need no timer, and wrong ones throw', () => {
    withDeadline(1e300, (signal) => expect(signal.aborted).toBe(false));
    withDeadline(0, (signal) => expect(signal.aborted).toBe(true));
    for (const ms of [-1, Number.NaN, '5' as never])
      expect(() => withDeadline(ms, () => 1)).toThrow(/milliseconds from now/);
  });
});

describe('options', () => {
  it.each([
    [{ mode: 'block' }, /`lineage.mode` takes one of 'observe', 'enforce'; it was given 'block'/],
    [{ maxHops: 0 }, /`lineage.maxHops` takes a whole number from 1/],
    [{ maxCalls: 1.5 }, /`lineage.maxCalls`/],
    [{ budget: -1 }, /`lineage.budget` takes a whole number from 0/],
    [{ maxDeadline: 0 }, /`lineage.maxDeadline` takes a whole number from 1/],
    [{ onLineage: 'x' }, /`lineage.onLineage` takes a function/],
    [true, /`lineage` takes an object/],
  ])('%j is refused with the fix', (lineage, message) => {
    expect(() => settings({ lineage: lineage as never })).toThrow(message);
  });

  it('a hook that throws changes nothing', () => {
    const { seen } = relay(3, {
      lineage: {
        maxHops: 1,
        onLineage: () => {
          throw new Error('mine');
        },
      },
    });
    expect(seen).toEqual([0, 1, 2]);
  });

  it('currentLineage() is undefined outside of any chain', () => {
    expect(currentLineage()).toBeUndefined();
    expect(context.active()).toBe(ROOT_CONTEXT);
  });
});
