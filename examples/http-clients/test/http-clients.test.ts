import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { expect, it } from 'vitest';
import { runClients } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

it('is one sound trace, in which redirects and retries are siblings', async () => {
  const spans = await runClients();
  expect(spans).toFormOneTrace();
  expect(spans).toBeSound(['gateway', 'planner']);
  const question = spans.find(({ name }) => name === 'question');
  const calls = spans.filter(({ kind }) => kind === 'CLIENT');
  expect(calls.map(({ parentSpanId }) => parentSpanId)).toEqual(calls.map(() => question?.spanId));
  const counts = calls.map(({ attributes }) => attributes['http.request.resend_count'] ?? 0);
  expect(counts.map(Number)).toEqual([0, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
});
