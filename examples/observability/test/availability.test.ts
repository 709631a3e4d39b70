import { expect, it } from 'vitest';
import { prometheusAvailability } from '../src/availability.ts';

const without = { PATH: '/nonexistent' };

it('where there is no Prometheus, a suite is missing it, and its name says how to have it', async () => {
  const { missing, note } = await prometheusAvailability(without);
  expect(missing).toBe(true);
  expect(note).toBe(' (skipped: prometheus cannot be run: `apt-get install prometheus` has it)');
});

it('REQUIRE_PROMETHEUS=1 makes that an error', async () => {
  const required = prometheusAvailability({ ...without, REQUIRE_PROMETHEUS: '1' });
  await expect(required).rejects.toThrow('prometheus cannot be run: `apt-get install prometheus` has it');
});
