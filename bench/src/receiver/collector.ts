/** A collector in a process of its own, which says over IPC where it listens, and when asked what it holds. */
import { startCollector } from '@throughline/verify';
import type { CollectorOptions } from '@throughline/verify';

export interface Held {
  readonly spans: number;
  readonly rejected: number;
  readonly refused: number;
  /** Of the process, in bytes. */
  readonly memory: number;
  /** Microseconds of CPU so far. */
  readonly cpu: number;
}

const collector = await startCollector(JSON.parse(process.argv[2] ?? '{}') as CollectorOptions);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({
    spans: collector.spans().length,
    rejected: collector.rejected(),
    refused: collector.refused(),
    memory: process.memoryUsage().rss,
    cpu: user + system,
  } satisfies Held);
});
process.on('disconnect', () => process.exit(0));
process.send?.(collector.url);
