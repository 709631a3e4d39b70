import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempt } from './attempt.ts';
import { seenOf } from './sightings.ts';
import type { Witnesses } from './sightings.ts';

/** How long nothing more has come, where the last request has been seen. */
const QUIET_MS = 300;

export interface Waiting {
  /** Milliseconds to wait at the most. */
  readonly settle: number;
  /** Milliseconds to wait for the first span. */
  readonly first: number;
  readonly takesSpans: boolean;
  readonly takesCalls: boolean;
}

/** Waits until what the last request caused has been seen: exporters and callbacks may be seconds late. */
export async function settled(last: Attempt, witnesses: () => Witnesses, waiting: Waiting): Promise<void> {
  const { settle, first, takesSpans, takesCalls } = waiting;
  const began = Date.now();
  const isPast = (ms: number): boolean => Date.now() - began >= ms;
  let count = -1;
  while (!isPast(settle)) {
    const now = witnesses();
    const { spans, calls } = seenOf(last, now);
    const isSeen = (!takesSpans || spans.length > 0) && (!takesCalls || calls.length > 0);
    if (isSeen && count === now.spans.length) return;
    if (takesSpans && now.spans.length === 0 && isPast(first)) return;
    count = now.spans.length;
    await sleep(QUIET_MS);
  }
}
