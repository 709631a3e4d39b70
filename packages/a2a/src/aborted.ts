import type { Outcome } from '@throughline/core/adapter';
import { abortedOutcome, isAbortBy } from '@throughline/core/http';
import { isObject } from './options.ts';

// https://grpc.io/docs/guides/status-codes/
const CANCELLED = 1;

/**
 * Returns how a call with these options came out that failed: no error where its caller aborted it. What the SDK throws over gRPC has the
 * status of a call that was cancelled, and stands for the reason.
 */
export function failureOutcome(options: unknown, error: unknown): Outcome {
  const signal = isObject(options) ? options['signal'] : undefined;
  const reason = isObject(error) && error['status'] === CANCELLED && isObject(signal) ? signal['reason'] : error;
  return isAbortBy(signal, reason) ? abortedOutcome : { failed: true, error };
}
