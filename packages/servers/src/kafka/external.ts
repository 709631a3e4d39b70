/** A broker that somebody else runs: it is used as it is, and never stopped. */
import { setTimeout as delay } from 'node:timers/promises';
import { probeBroker } from './probe.ts';

const READY_WITHIN_MS = 15_000;
const PROBE_EVERY_MS = 250;

/** Resolves when one of `brokers` (`host:port`) answers; it may just be starting. */
export async function untilReachable(brokers: string[], withinMs: number = READY_WITHIN_MS): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answers = await Promise.all(brokers.map((address) => probeBroker(address)));
    if (answers.some((answer) => answer !== undefined)) return;
    if (Date.now() > deadline) throw new Error(`KAFKA_BROKERS is set, but no Kafka answers on ${brokers.join(', ')}`);
    await delay(PROBE_EVERY_MS);
  }
}
