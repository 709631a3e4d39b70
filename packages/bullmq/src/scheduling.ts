/*
 * When a worker takes a job of a scheduler it adds the next one at once, wherever it happens to be: in its loop, or below the job that
 * it has just finished. That is no message of that job's. To BullMQ's Telemetry it looks like any `add`, with the same name, and the
 * only thing that tells is who calls. To take it for the job's own would make each repetition part of the one before, without end, and
 * would end the schedule where the limits of that job's chain refuse it.
 */

// The frames between here and there are nine, and wrappers of others may stand among them.
const FRAMES = 30;

/** Returns whether a worker is adding the next job of a schedule. Only looked at for queues that have a worker here. */
export function isRescheduling(): boolean {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = FRAMES;
    const { stack = '' } = new Error();
    // A worker also tells its listeners from there, who may add jobs of their own.
    return stack.includes('upsertJobScheduler') && stack.includes('nextJobFromJobData');
  } catch {
    // Somebody has frozen `Error`.
    return false;
  } finally {
    restore(stackTraceLimit);
  }
}

function restore(limit: number): void {
  try {
    Error.stackTraceLimit = limit;
  } catch {
    // See above.
  }
}
