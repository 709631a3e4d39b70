import type { CollectedSpan } from '@throughline/verify';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { beforeAll, describe, expect, it } from 'vitest';
import { runSchedule } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

describe('a scheduled job', () => {
  let spans: readonly CollectedSpan[];
  const named = (name: string) => spans.filter((span) => span.name === name);
  beforeAll(async () => {
    spans = await runSchedule();
  });

  it('starts a trace of its own each time, so that none is endless', () => {
    expect(spans).toHaveLength(8);
    const runs = named('price digest');
    expect(runs.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined, undefined]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(4);
  });

  it('links its schedule, so that the cause is found', () => {
    const [suspend] = named('suspend');
    const links = named('price digest').map((span) => span.links.map(({ traceId, spanId }) => ({ traceId, spanId })));
    const schedule = { traceId: suspend?.traceId, spanId: suspend?.spanId };
    expect(links).toEqual([[schedule], [schedule], [schedule]]);
    expect(spans).toBeSound();
  });

  it('goes on with the chain of whoever made the schedule, no deeper at the third run than at the first', () => {
    const hops = named('price digest').map(({ attributes }) => attributes['throughline.lineage.hops']);
    // The first hop of a chain, each time: the attribute is there from the second on.
    expect(hops).toEqual([undefined, undefined, undefined]);
  });
});
