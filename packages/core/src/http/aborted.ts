import type { Outcome } from '../telemetry/outcome.ts';
import { ATTR_ABORTED } from './conventions.ts';

/** What tells of an abort: the signal of a call, or undici's controller of a dispatch. */
interface Aborted {
  readonly aborted?: unknown;
  readonly reason?: unknown;
}

/** The outcome of a call that its caller aborted, which is no error. */
export const abortedOutcome: Outcome = Object.freeze({ failed: false, attributes: { [ATTR_ABORTED]: true } });

/**
 * Whether a call failed because its caller aborted it by `signal`, and not by a timeout. A signal may abort after the call has failed by
 * itself, so the error must be its reason, or an AbortError that stands for it. Never throws.
 */
export function isAbortBy(signal: unknown, error: unknown): boolean {
  try {
    const { aborted, reason } = Object(signal) as Aborted;
    if (aborted !== true || nameOf(reason) === 'TimeoutError') return false;
    return Object.is(error, reason) || nameOf(error) === 'AbortError';
  } catch {
    // A getter of a signal that is none of the platform's threw.
    return false;
  }
}

function nameOf(error: unknown): unknown {
  try {
    return (Object(error) as { name?: unknown }).name;
  } catch {
    // A getter of the user's error threw.
    return undefined;
  }
}
