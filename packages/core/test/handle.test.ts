import { context, diag, DiagLogLevel, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { TextMapPropagator } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  currentLineage,
  internalMesh,
  isLineageError,
  publicEdge,
  resumeTrace,
  saveTrace,
  withAttempt,
} from '@throughline/core';
import { receive, send } from '@throughline/core/adapter';
import { hopSettings, messageHeaders } from '@throughline/core/adapter';
import type { HopOptions, LineageEvent, ResumeOptions } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { parseHandle } from '../src/resume/handle-codec.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  vi.useRealTimers();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

const DAY = 24 * 60 * 60 * 1000;
const traceId = '0af7651916cd43dd8448eb211c80319c';
const enforce = (maxHops: number): HopOptions => ({ lineage: { mode: 'enforce', maxHops } });

function inSpan<T>(name: string, fn: () => T): T {
  return trace.getTracer('test').startActiveSpan(name, (span) => {
    try {
      return fn();
    } finally {
      span.end();
    }
  });
}
const saved = (options?: HopOptions): string => inSpan('ask', () => saveTrace(options));
const parentOf = (name: string) => telemetry.find(name).parentSpanContext?.spanId;
const idOf = (name: string) => telemetry.find(name).spanContext().spanId;
const traceOf = (name: string) => telemetry.find(name).spanContext().traceId;
const linksOf = (name: string) => telemetry.find(name).links.map((link) => link.context.spanId);
/** A message that is handled at this depth. */
function at<T>(hops: number, fn: () => T, options?: HopOptions): T {
  return receive(
    {
      transport: 'test',
      name: 'handle',
      kind: SpanKind.CONSUMER,
      carrier: {
        traceparent: `00-${traceId}-b7ad6b7169203331-01`,
        baggage: `throughline.lineage=1.${hops}.32.1.-.-.-,tenant=blue`,
      },
      reader: messageHeaders,
    },
    fn,
    hopSettings(options, { name: 'test', version: '1' }),
  );
}

describe('saveTrace', () => {
  it('ends a span of its own, and the handle names it', () => {
    const handle = saved({ agent: 'desk' });
    const suspend = telemetry.find('suspend');
    expect(suspend.kind).toBe(SpanKind.PRODUCER);
    expect(parentOf('suspend')).toBe(idOf('ask'));
    expect(suspend.attributes).toEqual({ 'throughline.agent.name': 'desk', 'throughline.transport': 'handle' });
    expect(handle).toMatch(
      new RegExp(`^tl1~[0-9a-z]{8}~00-${traceOf('ask')}-${idOf('suspend')}-0[13]~-~1\\.1\\.32\\.`),
    );
  });

  it('takes none of the user’s baggage along, and says how much stayed', () => {
    const handle = at(2, () => saveTrace({ baggage: { send: true } }));
    expect(handle).not.toContain('blue');
    expect(handle).toContain('~1.3.32.1.-.-.-');
    expect(telemetry.find('suspend').attributes['throughline.baggage.withheld']).toBe(1);
    resumeTrace(handle, 'approved', () => expect(propagation.getActiveBaggage()?.getEntry('tenant')).toBeUndefined());
  });

  it('keeps tracestate, sampling and the random flag', () => {
    const carrier = { traceparent: `00-${traceId}-b7ad6b7169203331-02`, tracestate: 'ot=th:8,rojo=1' };
    const hop = {
      transport: 'test',
      name: 'handle',
      kind: SpanKind.CONSUMER,
      carrier,
      reader: messageHeaders,
    } as const;
    const handle = receive(hop, () => saveTrace());
    expect(handle).toContain('-02~');
    resumeTrace(handle, 'approved', (span) => {
      expect(span.spanContext().traceState?.serialize()).toBe('ot=th:8,rojo=1');
      expect(span.isRecording()).toBe(false);
      expect(saveTrace()).toContain(`~00-${traceId}-`);
    });
    expect(telemetry.spans()).toEqual([]);
  });

  it('with nothing active is the root of a trace, which resumes', () => {
    const handle = context.with(ROOT_CONTEXT, () => saveTrace());
    expect(parentOf('suspend')).toBeUndefined();
    resumeTrace(handle, 'approved', () => {});
    expect(parentOf('approved')).toBe(idOf('suspend'));
  });

  it('under suppressed tracing, and by policy, saves a handle that resumes as a trace of its own', () => {
    const empty = /^tl1~[0-9a-z]{8}~-~-~-$/;
    const suppressed = inSpan('ask', () => context.with(suppressTracing(context.active()), () => saveTrace()));
    expect(suppressed).toMatch(empty);
    expect(saved({ outbound: 'suppress' })).toMatch(empty);
    const warn = vi.fn<(message: string) => void>();
    diag.setLogger({ warn, error: warn, info: warn, debug: warn, verbose: warn }, DiagLogLevel.WARN);
    resumeTrace(suppressed, 'approved', () => {});
    diag.disable();
    expect(parentOf('approved')).toBeUndefined();
    expect(warn).not.toHaveBeenCalled();
  });

  it('without spans names the span that is active', () => {
    const handle = saved({ spans: false });
    expect(handle).toContain(`-${idOf('ask')}-`);
    expect(telemetry.spans()).toHaveLength(1);
  });

  it('is W3C trace context, whatever propagator the program uses', () => {
    const b3: TextMapPropagator = {
      inject: (_, carrier, setter) => setter.set(carrier, 'b3', '0'),
      extract: (into) => into,
      fields: () => ['b3'],
    };
    const handle = saved({ propagator: b3 });
    resumeTrace(handle, 'approved', () => {}, { propagator: b3 });
    expect(parentOf('approved')).toBe(idOf('suspend'));
  });

  it('checks options once for each object, and says what is wrong with them', () => {
    expect(() => saveTrace({ agent: '' })).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_OPTION' }));
    const bad = { relation: 'parent' } as unknown as ResumeOptions;
    expect(() => resumeTrace(null, 'x', () => {}, bad)).toThrow(/`relation` takes/);
    expect(() => resumeTrace(null, 'x', () => {}, { maxParentAge: -1 })).toThrow(/`maxParentAge` takes/);
    expect(() => resumeTrace(null, 'x', () => {}, { maxParentAge: Number.NaN })).toThrow(/`maxParentAge` takes/);
  });
});

describe('resumeTrace', () => {
  it('continues the trace as a child of the suspend span', async () => {
    const result = resumeTrace(saved(), 'approved', (span) => {
      expect(trace.getActiveSpan()).toBe(span);
      return inSpan('publish', () => 7);
    });
    expect(result).toBe(7);
    expect(telemetry.find('approved').kind).toBe(SpanKind.CONSUMER);
    expect(parentOf('approved')).toBe(idOf('suspend'));
    expect(parentOf('publish')).toBe(idOf('approved'));
    expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(telemetry.find('approved').attributes).toMatchObject({
      'throughline.transport': 'handle',
      'throughline.calls': 0,
    });
    expect(await telemetry.hops()).toEqual({ 'handle outbound continued': 1, 'handle inbound continued': 1 });
  });

  it('after a day restarts with a link, after maxParentAge too, and never where that is Infinity', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const handle = saved();
    vi.setSystemTime(Date.now() + DAY);
    resumeTrace(handle, 'in a day', () => {});
    vi.setSystemTime(Date.now() + 1);
    resumeTrace(handle, 'later', () => expect(currentLineage()?.hops).toBe(1));
    resumeTrace(handle, 'ever', () => {}, { maxParentAge: Infinity });
    resumeTrace(handle, 'soon', () => {}, { maxParentAge: 1000 });
    expect(parentOf('in a day')).toBe(idOf('suspend'));
    expect(parentOf('ever')).toBe(idOf('suspend'));
    for (const name of ['later', 'soon']) {
      expect(parentOf(name)).toBeUndefined();
      expect(traceOf(name)).not.toBe(traceOf('ask'));
      expect(linksOf(name)).toEqual([idOf('suspend')]);
    }
    expect(await telemetry.hops()).toMatchObject({ 'handle inbound restarted': 2 });
  });

  it('a handle from the future is as old as can be, but for a minute between two clocks', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const now = Date.now();
    const handle = saved();
    for (const [name, ahead] of [
      ['ahead', 50_000],
      ['forged', 70_000],
      ['far', 300 * DAY],
    ] as const) {
      vi.setSystemTime(now - ahead);
      resumeTrace(handle, name, () => {});
    }
    expect(parentOf('ahead')).toBe(idOf('suspend'));
    for (const name of ['forged', 'far']) {
      expect(parentOf(name)).toBeUndefined();
      expect(linksOf(name)).toEqual([idOf('suspend')]);
    }
    resumeTrace(handle, 'any', () => {}, { maxParentAge: Infinity });
    expect(parentOf('any')).toBe(idOf('suspend'));
  });

  it('as a link starts a trace of its own each time, links its schedule, and keeps the chain but for its deadline', () => {
    const handle = saved().replace(/~1\.1\.32\.1\.-\./, '~1.1.32.1.1.');
    const runs = [1, 2, 3].map((run) =>
      resumeTrace(
        handle,
        `run ${run}`,
        (span) => {
          expect(currentLineage()).toMatchObject({ hops: 1, deadline: undefined });
          return span.spanContext().traceId;
        },
        { relation: 'link', ...enforce(32) },
      ),
    );
    expect(new Set([...runs, traceOf('ask')]).size).toBe(4);
    for (const run of [1, 2, 3]) {
      expect(parentOf(`run ${run}`)).toBeUndefined();
      expect(linksOf(`run ${run}`)).toEqual([idOf('suspend')]);
    }
    // As a child it is past that deadline.
    expect(() => resumeTrace(handle, 'child', () => {}, enforce(32))).toThrow(
      expect.objectContaining({ reason: 'deadline' }),
    );
  });

  it('goes through the inbound policy, which is told whose handle it is', () => {
    const handle = saved();
    const seen: unknown[] = [];
    resumeTrace(handle, 'approved', () => expect(currentLineage()?.hops).toBe(0), {
      inbound: (peer) => {
        seen.push([peer.transport, peer.channel, peer.name]);
        return 'restart';
      },
    });
    expect(seen).toEqual([['handle', 'broker', 'approved']]);
    expect(parentOf('approved')).toBeUndefined();
    expect(linksOf('approved')).toEqual([]);
    resumeTrace(handle, 'linked', () => {}, { inbound: 'restart-with-link', relation: 'child' });
    expect(linksOf('linked')).toEqual([idOf('suspend')]);
  });

  it.each([
    ['publicEdge()', publicEdge(), false],
    ['publicEdge({ authenticated }) for a stranger', publicEdge({ authenticated: () => false }), false],
    ['publicEdge({ authenticated }) for one that is known', publicEdge({ authenticated: () => true }), true],
    ['internalMesh()', internalMesh(), true],
  ])('of anybody is worth what %s says', (_, options, continued) => {
    const forged = `tl1~${Date.now().toString(36)}~00-${traceId}-b7ad6b7169203331-01~cm9qbz0wMGYw~1.9.32.1.-.-.-`;
    const hops = resumeTrace(forged, 'callback', () => currentLineage()?.hops, options);
    const state = telemetry.find('callback').spanContext().traceState?.serialize();
    if (continued) {
      expect([traceOf('callback'), parentOf('callback')]).toEqual([traceId, 'b7ad6b7169203331']);
      expect([state, hops]).toEqual(['rojo=00f0', 9]);
    } else {
      expect(traceOf('callback')).not.toBe(traceId);
      expect(linksOf('callback')).toEqual(['b7ad6b7169203331']);
      expect([state ?? '', hops]).toEqual(['', 0]);
    }
  });

  it.each(['restart', 'restart-with-link'] as const)('under %s is as deep as the work that resumes it', (inbound) => {
    const handle = at(3, () => saved());
    const depth = (): number | undefined => currentLineage()?.hops;
    expect(at(9, () => resumeTrace(handle, 'resumed', depth, { inbound }))).toBe(9);
    const enforce = { inbound, lineage: { mode: 'enforce', maxHops: 8 } } as const;
    expect(() => at(9, () => resumeTrace(handle, 'resumed', depth, enforce))).toThrow(
      expect.objectContaining({ code: 'ERR_THROUGHLINE_REFUSED', reason: 'hops' }),
    );
    expect(at(2, () => resumeTrace(handle, 'resumed', depth, { inbound }))).toBe(2);
  });

  it('links the open span that woke it, and takes nothing else of what is ambient', () => {
    const handle = saved();
    const key = Symbol('ambient');
    const woken = inSpan('click', () =>
      context.with(context.active().setValue(key, 1), () => {
        resumeTrace(handle, 'approved', () => expect(context.active().getValue(key)).toBeUndefined());
        return context.active();
      }),
    );
    expect(parentOf('approved')).toBe(idOf('suspend'));
    expect(linksOf('approved')).toEqual([idOf('click')]);
    // A timer that was started in a request which is over.
    context.with(woken, () => resumeTrace(handle, 'by a timer', () => {}));
    expect(linksOf('by a timer')).toEqual([]);
  });

  it.each([
    ['cut off', (handle: string) => handle.slice(0, 50)],
    ['changed', (handle: string) => handle.replace('-0', '-g')],
    ['of a later version', (handle: string) => handle.replace('tl1', 'tl2')],
    ['not text', () => 7 as unknown as string],
    ['empty', () => ''],
  ])('starts fresh from a handle that is %s', async (_, change) => {
    const handle = saved();
    await telemetry.reset();
    const { traceId } = resumeTrace(change(handle), 'approved', (span) => span.spanContext());
    expect(handle).not.toContain(traceId);
    expect(parentOf('approved')).toBeUndefined();
    expect(await telemetry.hops()).toEqual({ 'handle inbound invalid': 1 });
  });

  it('warns of handles that cannot be read, once', () => {
    delete (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
    const warn = vi.fn<(message: string) => void>();
    diag.setLogger({ warn, error: warn, info: warn, debug: warn, verbose: warn }, DiagLogLevel.WARN);
    for (const handle of ['x', '', 'tl1~']) resumeTrace(handle, 'approved', () => {});
    diag.disable();
    expect(warn.mock.calls.map(([message]) => message)).toEqual([expect.stringMatching(/a handle hop offered/)]);
  });

  it('starts fresh, and without a warning, where nothing was saved', async () => {
    resumeTrace(null, 'approved', () => {});
    resumeTrace(undefined, 'approved', () => {}, { relation: 'link' });
    expect(await telemetry.hops()).toEqual({ 'handle inbound started': 2 });
  });

  it('runs the work whatever the store gives back', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom('child' as const, 'link' as const), (handle, relation) => {
        expect(resumeTrace(handle as string, 'approved', () => 7, { relation })).toBe(7);
      }),
      { numRuns: 300 },
    );
  });

  it('lets errors of the work out as the same object, from functions and promises', async () => {
    const handle = saved();
    const error = new TypeError('the work failed');
    const fail = () => {
      throw error;
    };
    expect(catching(() => resumeTrace(handle, 'sync', fail))).toBe(error);
    await expect(resumeTrace(handle, 'async', () => Promise.reject(error))).rejects.toBe(error);
    for (const name of ['sync', 'async']) {
      expect(telemetry.find(name).attributes['error.type']).toBe('TypeError');
    }
  });
});

describe('the chain of agents through handles', () => {
  it('gets deeper with each handle, and stops at its limit when that is enforced', () => {
    const options = enforce(5);
    const depths: number[] = [];
    let handle = saveTrace(options);
    const error = catching(() => {
      for (let turn = 0; turn < 100; turn++) {
        handle = resumeTrace(
          handle,
          'turn',
          () => {
            depths.push(currentLineage()?.hops ?? -1);
            return saveTrace(options);
          },
          options,
        );
      }
    });
    expect(depths).toEqual([1, 2, 3, 4, 5]);
    expect(isLineageError(error)).toBe(true);
    expect(error).toMatchObject({ reason: 'hops' });
    expect(telemetry.find('suspend').attributes['error.type']).toBeUndefined();
    expect(telemetry.spans().at(-2)?.attributes['error.type']).toBe('throughline.hops');
  });

  it('gets deeper through a schedule that makes the next one, though each run is a trace of its own', () => {
    const options = enforce(5);
    let runs = 0;
    let handle = saveTrace(options);
    const error = catching(() => {
      for (let turn = 0; turn < 100; turn++) {
        handle = resumeTrace(
          handle,
          'run',
          () => {
            runs++;
            return saveTrace(options);
          },
          { ...options, relation: 'link' },
        );
      }
    });
    expect(runs).toBe(5);
    expect(error).toMatchObject({ reason: 'hops' });
    expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(6);
  });

  it.each([
    ['an old handle', (handle: string) => handle],
    ['a broken handle', () => 'broken'],
    ['no handle', () => null],
  ])('does not start over by coming back to %s again and again', (_, given) => {
    const options = enforce(5);
    const handle = saveTrace(options);
    const settings = hopSettings(options, { name: 'test', version: '1' });
    const depths: number[] = [];
    let carrier: Readonly<Record<string, string>> = {};
    const error = catching(() => {
      for (let turn = 0; turn < 100; turn++) {
        carrier = receive(
          { transport: 'test', name: 'handle', kind: SpanKind.CONSUMER, carrier, reader: messageHeaders },
          () =>
            resumeTrace(
              given(handle),
              'resumed',
              () => {
                depths.push(currentLineage()?.hops ?? -1);
                const target = { transport: 'test', channel: 'broker' } as const;
                const hop = { transport: 'test', name: 'send', kind: SpanKind.PRODUCER, target } as const;
                return send(hop, (fields) => fields, settings);
              },
              options,
            ),
          settings,
        );
      }
    });
    expect(depths.at(-1)).toBe(5);
    expect(depths.length).toBeLessThan(8);
    expect(error).toMatchObject({ reason: 'hops' });
  });

  it('is refused by whoever resumes where the saver only observes: before any work', async () => {
    const handle = at(7, () => saveTrace());
    const work = vi.fn<() => void>();
    expect(catching(() => resumeTrace(handle, 'approved', work, enforce(5)))).toMatchObject({
      name: 'LineageError',
      reason: 'hops',
      lineage: { hops: 8, maxHops: 5 },
    });
    expect(work).not.toHaveBeenCalled();
    expect(await telemetry.hops()).toMatchObject({ 'handle inbound refused': 1 });
  });

  it('counts a handle as a call, under maxCalls and in the receipt', () => {
    const options: HopOptions = { lineage: { mode: 'enforce', maxCalls: 3 } };
    const error = catching(() =>
      at(
        1,
        () => {
          for (let call = 0; call < 100; call++) saveTrace(options);
        },
        options,
      ),
    );
    expect(error).toMatchObject({ reason: 'calls' });
    expect(telemetry.find('handle').attributes['throughline.calls']).toBe(4);
  });

  it('hands a share of the budget on, and the attempt of who resumes', () => {
    const options: HopOptions = { lineage: { mode: 'enforce', budget: 9, fanOut: 2 } };
    const handle = saveTrace(options);
    expect(parseHandle(handle)?.lineage).toBe('1.1.32.1.-.4.-');
    withAttempt(3, () =>
      resumeTrace(handle, 'approved', () => expect(currentLineage()).toMatchObject({ attempt: 3, budget: 4, hops: 1 })),
    );
  });

  it('an agent that goes on with its own work has not come back to itself; another shows a cycle', () => {
    const cycles: string[] = [];
    const agent = (name: string): HopOptions => ({
      agent: name,
      lineage: { onLineage: (event: LineageEvent) => cycles.push(`${name} ${event.reason} ${event.name}`) },
    });
    const [a, b] = [agent('A'), agent('B')];
    const first = saveTrace(a);
    const second = resumeTrace(first, 'own', () => saveTrace(a), a);
    expect(parseHandle(second)?.lineage).toBe(parseHandle(first)?.lineage?.replace('1.1.', '1.2.'));
    expect(cycles).toEqual([]);
    const third = resumeTrace(second, 'other', () => saveTrace(b), b);
    resumeTrace(third, 'back', () => {}, a);
    expect(cycles).toEqual(['A cycle back']);
  });

  it('is left as it is where lineage is off', () => {
    const handle = at(2, () => saveTrace());
    const off: HopOptions = { lineage: false };
    const next = resumeTrace(handle, 'approved', () => saveTrace(off), off);
    expect(parseHandle(next)?.lineage).toBe('1.3.32.1.-.-.-');
  });
});

function catching(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}
