import { serverAvailability, startRabbitmq } from '@throughline/servers';
import { matchers } from '@throughline/verify/matchers';
import type { ChainMatchers } from '@throughline/verify/matchers';
import { describe, expect, it } from 'vitest';
import { runDesk, services } from '../src/run.ts';

declare module 'vitest' {
  interface Matchers<R, T> extends ChainMatchers<R> {}
}
expect.extend(matchers);

const available = await serverAvailability('rabbitmq');

describe.skipIf(available.missing)(`a desk over RabbitMQ${available.note}`, () => {
  it('is one sound trace, with its answers and the dead letter', async () => {
    await using rabbitmq = await startRabbitmq();
    const spans = await runDesk(rabbitmq.url);
    expect(spans).toFormOneTrace();
    expect(spans).toBeSound(services);
    expect(spans).toHaveHop('planner', 'analyst', { transport: 'rabbitmq' });
    expect(spans).toHaveHop('planner', 'senior', { transport: 'rabbitmq' });
    expect(spans).toHaveHop('senior', 'planner', { transport: 'rabbitmq' });
    const names = spans.map(({ service, name }) => `${service} ${name}`).toSorted();
    expect(names).toEqual([
      'analyst analyse',
      'analyst process tasks',
      'analyst process tasks',
      'analyst send (temporary)',
      'planner plan',
      'planner process (temporary)',
      'planner process (temporary)',
      'planner send tasks',
      'planner send tasks',
      'senior analyse',
      'senior process hard-tasks',
      'senior send (temporary)',
    ]);
  });
});
