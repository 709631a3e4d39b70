// What a processor throws to say that the job goes back into its queue: not a failure.
// https://docs.bullmq.io/patterns/process-step-jobs
const putBack: ReadonlySet<unknown> = new Set([
  'DelayedError',
  'WaitingError',
  'WaitingChildrenError',
  'RateLimitError',
]);
const RATE_LIMITED = 'bullmq:rateLimitExceeded';

/** Returns whether an error says that a job goes back into its queue. BullMQ's test, by name: there may be two copies of it. */
export function isPutBack(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  try {
    const { name, message } = error as { name?: unknown; message?: unknown };
    return putBack.has(name) || message === RATE_LIMITED;
  } catch {
    return false;
  }
}

/** Returns the class of a failure that BullMQ tells in text: of a lock that another worker has taken, else none. */
export function lostLock(text: unknown): string | undefined {
  return typeof text === 'string' && /^(?:Missing lock|Lock mismatch) for job/.test(text) ? 'lock_lost' : undefined;
}
