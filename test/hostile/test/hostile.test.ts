import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostileCarrier } from '../src/carriers.ts';
import { extractors } from '../src/extractors.ts';
import { malformed } from '../src/judge.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

test(
  '200,000 hostile carriers: no throw, nothing malformed comes out, memory bounded',
  { timeout: 180_000 },
  async () => {
    const nightly = new URL('../src/nightly.ts', import.meta.url);
    const args = [fileURLToPath(nightly), '--count', '200000', '--seed', '20260728'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout).toMatch(/carriers 0 to 200000/);
  },
);

test('the carriers are hostile: some are taken, most are not, and the same ones come again', () => {
  const extract = extractors['core: a hop over messages']!;
  let valid = 0;
  for (let index = 0; index < 2000; index++) {
    const before = malformed(extract(hostileCarrier(1, index)));
    expect(before).toBeUndefined();
    const carrier = hostileCarrier(1, index);
    if (typeof carrier === 'object' && carrier !== null && /^00-[0-9a-f]{32}-[0-9a-f]{16}-/.test(textOf(carrier)))
      valid++;
    expect(typeof carrier).toBe(typeof hostileCarrier(1, index));
  }
  expect(valid).toBeGreaterThan(200);
  expect(valid).toBeLessThan(1500);
});

function textOf(carrier: object): string {
  try {
    const held = (carrier as Record<string, unknown>)['traceparent'];
    return typeof held === 'string' ? held : '';
  } catch {
    return '';
  }
}

test.each(Object.keys(extractors))('%s: the work is linear in the input, at worst', (name) => {
  const extract = extractors[name]!;
  const worst = ['k=v,', ',', ' ', '%', '=', ';', 'a=%', 'throughline.lineage=', '\t,', 'k=v;p='];
  const cpu = (length: number): number => {
    const started = process.cpuUsage();
    for (const part of worst) {
      const text = part.repeat(length / part.length);
      for (let round = 0; round < 3; round++) {
        extract({ traceparent: text, tracestate: text, baggage: text });
        extract({ baggage: [text, text] });
      }
    }
    const { user, system } = process.cpuUsage(started);
    return user + system;
  };
  cpu(10_000);
  // 100 times the input: a quadratic step would take 10,000 times as long. No bound in time, and none that a busy machine fails.
  const small = Math.max(cpu(20_000), 1000);
  expect(cpu(2_000_000) / small).toBeLessThan(2000);
});
