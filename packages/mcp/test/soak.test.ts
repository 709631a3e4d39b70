import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { inFlightKey } from '../src/transport.ts';
import { link } from './link.ts';
import type { Link, LinkOptions } from './link.ts';
import { v1, v2 } from './sdk.ts';
import type { Sdk, Tool } from './sdk.ts';
import { inSpan } from './spans.ts';

// 1,000,000 by SOAK_CALLS=500000, which takes some minutes: each SDK makes so many.
const calls = Number(process.env['SOAK_CALLS'] ?? 25_000);
const AT_ONCE = 50;

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

/** Numbers from 0 to 1, the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heap(): Promise<number> {
  await telemetry.reset();
  await new Promise((resolve) => setTimeout(resolve, 50));
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

const tools: Record<string, Tool> = {
  add: () => 'done',
  later: () => new Promise((resolve) => setTimeout(resolve, 1, 'done')),
  fail: () => {
    throw new Error('no');
  },
  hang: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('late'))),
};

async function oneOf(sdk: Sdk, { client }: Link, random: number): Promise<void> {
  const swallow = (): void => {};
  if (random < 0.5) await sdk.call(client, 'add').catch(swallow);
  else if (random < 0.65) await sdk.call(client, 'later', undefined, { onprogress: swallow }).catch(swallow);
  else if (random < 0.75) await sdk.call(client, 'fail').catch(swallow);
  else if (random < 0.85) await sdk.call(client, 'nobody').catch(swallow);
  else if (random < 0.9) await client.listTools().catch(swallow);
  else if (random < 0.95) {
    const cancel = new AbortController();
    const call = sdk.call(client, 'hang', undefined, { signal: cancel.signal });
    setImmediate(() => cancel.abort('enough'));
    await call.catch(swallow);
  } else await sdk.call(client, 'hang', undefined, { timeout: 1 }).catch(swallow);
}

const kinds: { sdk: Sdk; name: string; options: LinkOptions }[] = [
  { sdk: v1, name: v1.name, options: { tools } },
  { sdk: v2(), name: v2().name, options: { tools } },
  { sdk: v1, name: `${v1.name}, traced once connected`, options: { tools, inPlace: true } },
];

describe.each(kinds)('$name: many calls with cancels, timeouts, errors and closes at random', ({ sdk, options }) => {
  test(
    `after ${calls} of them the heap and the books are as they were`,
    async () => {
      const random = seeded(7);
      let linked = await link(sdk, 'memory', options);
      const closed: (() => number)[] = [];
      let made = 0;
      let before: number | undefined;
      while (made < calls) {
        if (random() < 0.02) {
          // Closed with calls on the way.
          const stranded = Array.from({ length: 5 }, () => sdk.call(linked.client, 'hang').catch(() => {}));
          made += stranded.length;
          const { inFlight, client } = linked;
          const end = client.transport as { [inFlightKey]?: number };
          await linked.close();
          await Promise.all(stranded);
          closed.push(() => inFlight() + (end[inFlightKey] ?? 0));
          linked = await link(sdk, 'memory', options);
        }
        const turn = linked;
        await Promise.all(Array.from({ length: AT_ONCE }, () => inSpan('agent', () => oneOf(sdk, turn, random()))));
        made += AT_ONCE;
        if (made % 1000 < AT_ONCE) await telemetry.reset();
        // Once hot code is compiled and what is kept for good is there.
        if (before === undefined && made > calls / 2) {
          expect(closed.splice(0).reduce((sum, open) => sum + open(), 0)).toBe(0);
          before = await heap();
        }
      }
      await expect.poll(() => linked.inFlight()).toBe(0);
      expect(closed.splice(0).reduce((sum, open) => sum + open(), 0)).toBe(0);
      const grown = (await heap()) - (before ?? 0);
      expect(grown).toBeLessThan(3_000_000);
      await linked.close();
    },
    Math.max(120_000, calls * 2),
  );
});
