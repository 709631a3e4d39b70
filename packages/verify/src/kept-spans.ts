import type { ParsedSpans } from './parsing.ts';
import { sizeOfAttributes, sizeOfScope, sizeOfSpan } from './span-size.ts';
import type { CollectedSpan } from './span.ts';
import { type WaitCondition, waitForSpans, type Waiter } from './wait-for-spans.ts';

/** The spans that a collector keeps, whichever way they came. */
export interface KeptSpans {
  /** Keeps what there is room for, and returns how many spans were rejected, and why the first of them was. */
  add(parsed: ParsedSpans): Kept;
  /** Counts an export of which nothing was taken. */
  refuse(): void;
  spans(): readonly CollectedSpan[];
  /** How many there are. */
  size(): number;
  rejected(): number;
  refused(): number;
  longestWaitMs(): number;
  waitFor(condition: WaitCondition, timeoutMs: number): Promise<readonly CollectedSpan[]>;
  /** Fails whoever waits. */
  close(): void;
}

export interface Kept {
  readonly rejected: number;
  readonly why: string;
}

/** Returns a store that takes so many spans, and about so many bytes of memory. */
export function keptSpans({ maxSpans, maxKeptBytes }: { maxSpans: number; maxKeptBytes: number }): KeptSpans {
  const spans: CollectedSpan[] = [];
  const waiters = new Set<Waiter>();
  let keptBytes = 0;
  let rejected = 0;
  let refused = 0;
  let longestWaitMs = 0;
  let isClosed = false;
  return {
    add(parsed) {
      let overflow = 0;
      let resource: CollectedSpan['resource'] | undefined;
      let scope: CollectedSpan['scope'] | undefined;
      // Measured once each, and counted with the first span that is kept: a thousand spans may share a large one.
      let sharedBytes = 0;
      for (const span of parsed.spans) {
        if (span.resource !== resource) sharedBytes = sizeOfAttributes((resource = span.resource));
        if (span.scope !== scope) sharedBytes += sizeOfScope((scope = span.scope));
        const bytes = sizeOfSpan(span) + sharedBytes;
        if (spans.length >= maxSpans || keptBytes + bytes > maxKeptBytes) {
          overflow++;
          continue;
        }
        sharedBytes = 0;
        keptBytes += bytes;
        spans.push(span);
      }
      rejected += parsed.rejected + overflow;
      longestWaitMs = Math.max(longestWaitMs, waitOf(parsed.spans));
      for (const waiter of waiters) waiter.check();
      const full = spans.length >= maxSpans ? `${maxSpans} spans` : `${maxKeptBytes} bytes of spans`;
      return {
        rejected: parsed.rejected + overflow,
        why: overflow > 0 ? `the collector holds its ${full}` : 'spans without valid ids or times',
      };
    },
    refuse: () => void refused++,
    spans: () => spans.slice(),
    size: () => spans.length,
    rejected: () => rejected,
    refused: () => refused,
    longestWaitMs: () => longestWaitMs,
    waitFor: (condition, timeoutMs) =>
      isClosed
        ? Promise.reject(new Error('the collector is closed'))
        : waitForSpans(condition, timeoutMs, spans, waiters),
    close: () => {
      isClosed = true;
      for (const waiter of waiters) waiter.fail(new Error('the collector was closed while it waited for spans'));
    },
  };
}

/** Another machine's clock, or none at all, would tell of more. */
const MAX_WAIT_MS = 30_000;

/** How long an exporter waited with the oldest of these spans. */
function waitOf(spans: readonly CollectedSpan[]): number {
  const now = Date.now();
  let longest = 0;
  for (const { endTimeUnixNano } of spans) {
    const wait = now - Number(endTimeUnixNano / 1_000_000n);
    if (wait > longest && wait <= MAX_WAIT_MS) longest = wait;
  }
  return longest;
}
