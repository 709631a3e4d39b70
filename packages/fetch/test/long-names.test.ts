import { context, diag, DiagLogLevel, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { traceFetch } from '../src/index.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(() => diag.disable());
afterAll(() => telemetry.shutdown());

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heap(): Promise<number> {
  await telemetry.reset();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  return process.memoryUsage().heapUsed;
}

test('hosts that nobody can have are neither remembered nor named, nor sent baggage', async () => {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  diag.setLogger({ warn, error: warn, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const sent: string[] = [];
  const fetch = traceFetch(async (_url: string, init?: RequestInit) => {
    const baggage = new Headers(init?.headers).get('baggage');
    if (baggage?.includes('tenant') === true) sent.push(baggage);
    return new Response('ok');
  });
  const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
  const crawl = (suffix: string, count: number): Promise<void> =>
    context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), async () => {
      for (let at = 0; at < count; at++) {
        await fetch(`http://${'a'.repeat(95_000)}${at}${suffix}/`);
        if (at % 100 === 0) await telemetry.reset();
      }
    });
  await crawl('.example.com', 50);
  const before = await heap();
  await crawl('.example.com', 700);
  // No label at all: as a name it would be one of a private network.
  await crawl('', 700);
  expect((await heap()) - before).toBeLessThan(5_000_000);
  expect(sent).toEqual([]);
  expect(warnings.filter((warning) => warning.includes('aaaa'))).toEqual([]);
  expect(warnings).toEqual([expect.stringMatching(/baggage was not sent to a host with a name longer than 253/)]);
});
