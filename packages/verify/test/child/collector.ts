import { startCollector } from '../../src/index.ts';

/** A collector in a process of its own, which says over IPC where it listens, and when asked what it holds. */
export interface Held {
  /** Bytes on the heap and beside it, after a collection. */
  readonly bytes: number;
  /** The most that the process ever had in memory, in bytes. */
  readonly peakBytes: number;
  readonly spans: number;
  readonly rejected: number;
  readonly refused: number;
}

const collector = await startCollector(JSON.parse(process.argv[2] ?? '{}') as object);
process.on('message', async () => {
  globalThis.gc?.();
  // What a collection frees beside the heap is counted a turn later.
  await new Promise(setImmediate);
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({
    bytes: heapUsed + external,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    spans: collector.spans().length,
    rejected: collector.rejected(),
    refused: collector.refused(),
  } satisfies Held);
});
process.send?.(collector.url);
