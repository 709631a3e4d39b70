import type { CollectedSpan } from '../span.ts';

/** Spans that know what is missing among them: a collector is one. */
export interface CaptureSource {
  spans(): Iterable<CollectedSpan>;
  /** How many spans came and were not kept. */
  rejected(): number;
  /** How many exports of spans came and were not taken. */
  refused(): number;
}
