import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Context, SpanContext } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { currentLineage, extractFields, joinTraces, publicEdge, saveTrace } from '@throughline/core';
import type { Branch, HopOptions, Peer } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

const id = (at: number): string => at.toString(16).padStart(16, '0');
const spanContext = (at: number): SpanContext => ({ traceId: `${id(at)}${id(at)}`, spanId: id(at), traceFlags: 1 });
const arrived = (at: number, lineage: string): Context =>
  extractFields({
    traceparent: `00-${id(at)}${id(at)}-${id(at)}-01`,
    baggage: `throughline.lineage=${lineage}`,
  });
const linked = (name: string): string[] => telemetry.find(name).links.map((link) => link.context.spanId);

describe('joinTraces', () => {
  it('links every branch from one INTERNAL span under the active one', () => {
    const tracer = trace.getTracer('test');
    const handle = context.with(ROOT_CONTEXT, () => saveTrace());
    const result = tracer.startActiveSpan('plan', (plan) => {
      const branches: Branch[] = [arrived(1, '1.1.32.1.-.-.-'), spanContext(2), handle];
      const joined = joinTraces('merge', branches, (span) => {
        expect(trace.getActiveSpan()).toBe(span);
        return 7;
      });
      plan.end();
      return joined;
    });
    expect(result).toBe(7);
    const merge = telemetry.find('merge');
    expect(merge.kind).toBe(SpanKind.INTERNAL);
    expect(merge.parentSpanContext?.spanId).toBe(telemetry.find('plan').spanContext().spanId);
    expect(linked('merge')).toEqual([id(1), id(2), telemetry.find('suspend').spanContext().spanId]);
  });

  it('is the root of a trace where no span is active', () => {
    joinTraces('merge', [spanContext(1)], () => {});
    expect(telemetry.find('merge').parentSpanContext).toBeUndefined();
  });

  it('links a branch once, and at most 128', () => {
    const twice = [1, 2, 1, 2, 3].map(spanContext);
    joinTraces('merge', new Set([...twice, arrived(3, '1.1.32.1.-.-.-')]), () => {});
    expect(linked('merge')).toEqual([id(1), id(2), id(3)]);
    joinTraces(
      'many',
      Array.from({ length: 1000 }, (_, at) => spanContext(at + 1)),
      () => {},
    );
    expect(linked('many')).toHaveLength(128);
  });

  it('goes on from the deepest branch, also past those that are linked', () => {
    const many = Array.from({ length: 200 }, (_, at) =>
      arrived(at + 1, `1.${at === 199 ? 9 : 2}.${32 - (at % 3)}.1.-.-.-`),
    );
    joinTraces('merge', many, () => {
      expect(currentLineage()).toMatchObject({ hops: 9, maxHops: 30 });
      expect(saveTrace()).toContain('~1.10.30.');
    });
    expect(telemetry.find('merge').attributes['throughline.lineage.hops']).toBe(9);
  });

  it('keeps the deadline, budget and calls of the work that joins', () => {
    const active = arrived(1, '1.4.32.1.zzzzzzzz.50.-');
    context.with(active, () => {
      saveTrace();
      const before = currentLineage();
      joinTraces('merge', [arrived(2, '1.6.20.2.1.3.abc')], () => {
        const { deadline, budget, calls } = before ?? {};
        expect(currentLineage()).toMatchObject({
          hops: 6,
          maxHops: 20,
          attempt: 2,
          path: ['abc'],
          deadline,
          budget,
          calls,
        });
        saveTrace();
      });
      expect(currentLineage()?.calls).toBe(2);
      expect(currentLineage()?.hops).toBe(4);
    });
  });

  it('is as deep as a handle says', () => {
    const handle = context.with(arrived(1, '1.4.32.1.-.-.-'), () => saveTrace());
    joinTraces('merge', [handle], () => expect(currentLineage()?.hops).toBe(5));
  });

  it('takes a handle as the `inbound` policy says', () => {
    const handle = context.with(arrived(1, '1.4.32.1.-.-.-'), () => saveTrace());
    const suspended = telemetry.find('suspend').spanContext().spanId;
    const hops = (name: string, options: HopOptions): number | undefined => {
      let seen: number | undefined;
      joinTraces(name, [handle], () => void (seen = currentLineage()?.hops), options);
      return seen;
    };
    expect(hops('edge', publicEdge())).toBeUndefined();
    expect(linked('edge')).toEqual([suspended]);
    expect(hops('kept', { inbound: 'restart-with-link', lineage: { keepOnRestart: true } })).toBe(5);
    expect(hops('restart', { inbound: 'restart' })).toBeUndefined();
    expect(linked('restart')).toEqual([]);
    const asked: Peer[] = [];
    expect(hops('asked', { inbound: (peer) => (asked.push(peer), 'continue') })).toBe(5);
    expect(asked).toMatchObject([{ transport: 'handle', channel: 'broker', name: 'asked' }]);
  });

  it('opens no span under suppressed tracing and without spans, and lineage may be off', () => {
    const span = trace.wrapSpanContext(spanContext(9));
    context.with(suppressTracing(trace.setSpan(context.active(), span)), () =>
      joinTraces('merge', [spanContext(1)], () => expect(trace.getActiveSpan()).toBe(span)),
    );
    const branches = [arrived(1, '1.4.32.1.-.-.-')];
    joinTraces('merge', branches, () => expect(currentLineage()?.hops).toBe(4), { spans: false });
    expect(telemetry.spans()).toEqual([]);
    joinTraces('merge', branches, () => expect(currentLineage()).toBeUndefined(), { lineage: false });
    expect(linked('merge')).toEqual([id(1)]);
  });

  it('leaves out what names no span, and never throws for a branch', () => {
    const none = [ROOT_CONTEXT, 'tl1~x', '', { traceId: '0', spanId: '0', traceFlags: 0 }];
    expect(joinTraces('merge', none, () => 7)).toBe(7);
    expect(linked('merge')).toEqual([]);
    fc.assert(
      fc.property(fc.array(fc.anything()), (branches) => joinTraces('any', branches as Branch[], () => 7) === 7),
      { numRuns: 200 },
    );
  });

  it('lets errors out as the same object', async () => {
    const error = new Error('cannot merge');
    await expect(joinTraces('merge', [], () => Promise.reject(error))).rejects.toBe(error);
    const { attributes, events } = telemetry.find('merge');
    expect(attributes['error.type']).toBe('Error');
    expect(events.map(({ name }) => name)).toEqual(['exception']);
  });
});
