/** A scenario with a fake adapter, which does what `PLANTED` says at every hundredth request. */
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Context, Tracer } from '@opentelemetry/api';
import { setImmediate } from 'node:timers/promises';
import { CHAIN } from '../src/chains.ts';
import { Skipped } from '../src/scenario.ts';
import type { Scenario, Soak } from '../src/scenario.ts';

const fault = process.env['PLANTED'];
const kept: unknown[] = [];
let earlier: Context = ROOT_CONTEXT;

export const scenario: Scenario = {
  name: 'planted',
  unit: 'requests',
  count: 10_000,
  async start(soak) {
    if (fault === 'skip') throw new Skipped('there is no fake today');
    // Of the name that the spans of a hop are known by.
    const tracer = trace.getTracer('@throughline/fake');
    let made = 0;
    return {
      async step() {
        const fakes = Array.from({ length: 500 }, () =>
          soak.chain((chain) => request(soak, tracer, chain, ++made % 100 === 0 ? fault : undefined)),
        );
        await Promise.all(fakes);
        return fakes.length;
      },
      stop: async () => {},
    };
  },
};

async function request(soak: Soak, tracer: Tracer, chain: string, fault: string | undefined): Promise<void> {
  const active = context.active();
  const named = propagation.getActiveBaggage()?.getEntry(CHAIN)?.value ?? '';
  const previous = earlier;
  earlier = active;
  const parent = fault === 'span of another chain' ? previous : active;
  const span = tracer.startSpan('hop', { attributes: fault === 'lost context' ? {} : { [CHAIN]: named } }, parent);
  await context.with(fault === 'handler of another chain' ? previous : active, async () => {
    await setImmediate();
    soak.here(chain, 'handler');
  });
  if (fault !== 'open span') span.end();
  if (fault === 'leak') kept.push({ chain, answer: new Array<number>(10_000).fill(0) });
  if (fault === 'unhandled rejection') void Promise.reject(new Error('nobody cares'));
  if (fault === 'other answer') soak.differs('bare 200, traced 500');
  if (fault === 'error') throw new Error('planted');
  if (fault === 'crash') process.exit(3);
}
