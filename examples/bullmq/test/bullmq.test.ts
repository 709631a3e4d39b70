import { serverAvailability, startRedis } from '@throughline/servers';
import type { RunningServer } from '@throughline/servers';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDesk } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

const available = await serverAvailability('redis');

describe.skipIf(available.missing)(`a desk over BullMQ${available.note}`, () => {
  let redis: RunningServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  it('a flow with a retry is one trace; each run of a schedule is a trace that links it', async () => {
    const { spans, said } = await runDesk(redis.url, 3);
    expect(said).toBe('A report on prices and reviews.\n');
    const traceOf = (name: string) => spans.find((span) => span.name === name)?.traceId;
    const flow = spans.filter(({ traceId }) => traceId === traceOf('ask for a report'));
    expect(flow).toFormOneTrace();
    expect(flow).toHaveHop('desk', 'analyst', { transport: 'bullmq' });
    expect(flow).toHaveHop('desk', 'writer', { transport: 'bullmq' });
    expect(flow.filter((span) => span.name === 'process tasks')).toHaveLength(3);
    const ticks = spans.filter((span) => span.name === 'work on tidy');
    expect(ticks).toHaveLength(3);
    expect(new Set(ticks.map(({ traceId }) => traceId)).size).toBe(3);
    expect(spans).toBeSound(['desk', 'analyst', 'writer']);
  });
});
