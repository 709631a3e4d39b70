/** Orders are placed, relayed and billed, each by a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';

const ORDERS = ['a chair', 'a lamp'];

/** Resolves with the spans of all three. `existing` is the relay's, `keep` as it should be. */
export async function runOutbox(
  brokers: readonly string[],
  existing: 'keep' | 'replace' = 'keep',
): Promise<readonly CollectedSpan[]> {
  const folder = await mkdtemp(join(tmpdir(), 'outbox-'));
  const collector = await startCollector();
  const database = join(folder, 'shop.db');
  const topic = `orders-${process.pid}-${Date.now().toString(36)}`;
  const run = async (program: string, ...args: readonly string[]): Promise<void> => {
    const child = fork(new URL(program, import.meta.url), args, {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
      // kafkajs sets timers in the past, and Node warns of each.
      execArgv: [...process.execArgv, '--disable-warning=TimeoutNegativeWarning'],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${program} ended with code ${code}`);
  };
  try {
    await run('./orders.ts', database, ...ORDERS);
    await run('./relay.ts', database, brokers.join(), topic, existing);
    await run('./billing.ts', brokers.join(), topic, String(ORDERS.length));
    return collector.spans();
  } finally {
    await collector.close();
    await rm(folder, { recursive: true });
  }
}
