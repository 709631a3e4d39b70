import { readFileSync } from 'node:fs';
import { serverAvailability, startNats } from '@throughline/servers';
import type { RunningServer } from '@throughline/servers';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runAgents } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

const nats = await serverAvailability('nats');

describe.skipIf(nats.missing)(`two agents over NATS${nats.note}`, () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server?.stop());

  it('leave one trace for each question: request, answer, and the report that is read from a stream', async () => {
    const spans = await runAgents(server.url);
    expect(spans).toBeSound(['planner', 'analyst']);
    const plans = spans.filter(({ name }) => name === 'plan');
    expect(plans).toHaveLength(2);
    for (const { traceId } of plans) {
      const chain = spans.filter((span) => span.traceId === traceId);
      expect(chain).toFormOneTrace();
      expect(chain.map(({ name }) => name).toSorted()).toEqual(
        [
          'analyse',
          'file',
          'plan',
          'process REPORTS',
          'process questions',
          'request questions',
          'send reports',
        ].toSorted(),
      );
      expect(chain).toHaveHop('planner', 'analyst', { transport: 'nats' });
      expect(chain).toHaveHop('analyst', 'planner', { transport: 'nats' });
    }
  });
});

it('is what the README of the package shows', () => {
  const file = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, region] = /^\/\/ #region readme\n([^]*?)^\/\/ #endregion$/m.exec(file('../src/planner.ts')) ?? [];
  const [, shown] =
    /<!-- examples\/nats\/src\/planner.ts -->\n\n```ts\n([^]*?)```/.exec(file('../../../packages/nats/README.md')) ??
    [];
  expect(shown).toBe(region);
});
