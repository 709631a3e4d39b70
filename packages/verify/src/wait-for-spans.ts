import type { CollectedSpan } from './span.ts';

/** Enough spans for the caller, or none more for a while, with at least one there. */
export type WaitCondition = ((spans: readonly CollectedSpan[]) => boolean) | { readonly quietMs: number };

/** Somebody who waits for spans. */
export interface Waiter {
  /** Called after spans came. */
  check(): void;
  fail(error: Error): void;
}

/** Resolves with the spans once the condition holds. While it waits, it is one of the waiters. */
export function waitForSpans(
  condition: WaitCondition,
  timeoutMs: number,
  spans: readonly CollectedSpan[],
  waiters: Set<Waiter>,
): Promise<readonly CollectedSpan[]> {
  return new Promise((resolve, reject) => {
    let quiet: NodeJS.Timeout | undefined;
    let seen = -1;
    const settle = (how: () => void): void => {
      waiters.delete(waiter);
      clearTimeout(quiet);
      clearTimeout(deadline);
      how();
    };
    const waiter: Waiter = {
      check() {
        if (typeof condition === 'function') {
          try {
            if (condition(spans.slice())) settle(() => resolve(spans.slice()));
          } catch (error) {
            settle(() => reject(error));
          }
        } else if (spans.length > 0 && spans.length !== seen) {
          seen = spans.length;
          clearTimeout(quiet);
          quiet = setTimeout(() => settle(() => resolve(spans.slice())), condition.quietMs);
        }
      },
      fail: (error) => settle(() => reject(error)),
    };
    const deadline = setTimeout(
      () => waiter.fail(new Error(`waited ${timeoutMs} ms for spans; ${spans.length} came`)),
      timeoutMs,
    );
    waiters.add(waiter);
    waiter.check();
  });
}
