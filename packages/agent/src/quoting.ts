import { sharedByCopies } from './loaded-copies.ts';

/*
 * What a provider says of a failed call may quote the prompt. Such an error is marked where it is caught, and no span or log record of ours
 * shows its text, however far up it is caught again. The error itself stays as it is.
 */
const quoting = (): WeakSet<object> => sharedByCopies('quoting', () => new WeakSet<object>());

/** Marks an error whose text may quote content. */
export function markQuoting(error: unknown): void {
  if (typeof error === 'object' && error !== null) quoting().add(error);
}

const MAX_DEPTH = 8;

/** Whether an error, or one behind it, may quote content. */
export function quotes(error: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof at === 'object' && at !== null; depth++) {
    if (quoting().has(at)) return true;
    try {
      at = (at as { cause?: unknown }).cause;
    } catch {
      // A getter of the user's error threw.
      return false;
    }
  }
  return false;
}
