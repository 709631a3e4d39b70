import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { expect, it } from 'vitest';
import { askDesk } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

it('hooks, scopes and a streamed reply of two services are one trace', { timeout: 60_000 }, async () => {
  const { answer, spans } = await askDesk();
  expect(answer).toBe('look it up: which plan is best?\ncompare: which plan is best?\nanswer: which plan is best?\n');
  expect(spans).toFormOneTrace();
  expect(spans).toBeSound(['desk', 'planner']);
  expect(spans).toHaveHop('desk', 'planner', { transport: 'http' });
  expect(spans.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'POST /v1/questions/:topic',
      'look up who asks',
      'POST /plan',
      'think: look it up',
      'think: answer',
    ]),
  );
});
