import { checkTrace } from '@throughline/verify';
import type { CollectedSpan, Report } from '@throughline/verify';
import { beforeAll, describe, expect, it } from 'vitest';
import { runSchedule } from '../src/run.ts';

describe('a scheduled job', () => {
  let spans: readonly CollectedSpan[];
  let report: Report;
  const named = (name: string) => spans.filter((span) => span.name === name);
  beforeAll(async () => {
    spans = await runSchedule();
    report = checkTrace(spans);
  });

  it('starts a trace of its own each time, so that none is endless', () => {
    expect(report).toMatchObject({ traces: 4, spans: 8, orphans: 0 });
    const runs = named('price digest');
    expect(runs.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined, undefined]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(4);
    for (const { traceId } of runs) {
      // But for its link, which leads out of it, each is whole by itself.
      const { findings } = checkTrace(spans.filter((span) => span.traceId === traceId));
      expect(findings.map(({ code }) => code)).toEqual(['missing-link-target']);
    }
  });

  it('links its schedule, so that the cause is found', () => {
    const [suspend] = named('suspend');
    const links = named('price digest').map((span) => span.links.map(({ traceId, spanId }) => ({ traceId, spanId })));
    const schedule = { traceId: suspend?.traceId, spanId: suspend?.spanId };
    expect(links).toEqual([[schedule], [schedule], [schedule]]);
    expect(report.findings.map(({ code }) => code)).not.toContain('missing-link-target');
  });

  it('goes on with the chain of whoever made the schedule, no deeper at the third run than at the first', () => {
    const hops = named('price digest').map(({ attributes }) => attributes['throughline.lineage.hops']);
    // The first hop of a chain, each time: the attribute is there from the second on.
    expect(hops).toEqual([undefined, undefined, undefined]);
  });
});
