import { answerField, nodeHeaders } from '@throughline/core/adapter';
import type { Outcome, Sending } from '@throughline/core/adapter';
import { abortedOutcome } from '@throughline/core/http';
import { failureOutcome, statusOutcome } from '../http-client-span.ts';
import type { LentContext } from './lent-context.ts';

/** A `ClientRequest` of Node, or of what stands for it. */
export interface RequestLike {
  emit(event: unknown, ...args: unknown[]): unknown;
  destroy(...args: unknown[]): unknown;
  listenerCount?(event: unknown): number;
}

/** Whether this is a request, and not a response, which emits and is destroyed too. */
export function isRequest(value: unknown): value is RequestLike {
  if (typeof value !== 'object' || value === null) return false;
  const { emit, destroy, statusCode } = value as Partial<RequestLike> & { statusCode?: unknown };
  return typeof emit === 'function' && typeof destroy === 'function' && typeof statusCode !== 'number';
}

/**
 * Ends the hop when the response's headers, or an error, arrive, or when the caller destroys the request, which need not have a
 * socket by then. What listens to the request and to its response runs in the caller's context: what emits may be in that of
 * the connection. `signal` is the caller's own.
 *
 * By its `emit` and not by listeners: with one of ours an error that nobody handles would be handled, and a response that nobody reads
 * would not be discarded.
 */
export function followRequest(request: RequestLike, sending: Sending, lent: LentContext, signal: unknown): void {
  const destroy = request.destroy;
  const deadline = sending.signal;
  let timedOut = false;
  const expire = (): void => void request.destroy(deadline?.reason);
  const heard = (event: unknown, value: unknown): void => {
    switch (event) {
      case 'response':
      case 'upgrade': {
        sending.answered(nodeHeaders.read((Object(value) as { headers?: unknown }).headers, answerField));
        sending.end(answered(value));
        break;
      }
      case 'error':
        sending.end(failed(value, signal));
        break;
      case 'timeout':
        timedOut = true;
        break;
      case 'close':
        deadline?.removeEventListener('abort', expire);
        // Without an answer and without an error.
        sending.end({});
        break;
    }
  };
  emitIn(lent, request, heard);
  replace(request, 'destroy', (...args) => {
    const [error] = args;
    if (error !== undefined && error !== null) sending.end(failed(error, signal, { aborted: true }));
    else sending.end(timedOut ? { errorType: 'TimeoutError' } : abortedOutcome);
    return Reflect.apply(destroy, request, args);
  });
  if (deadline?.aborted === true) expire();
  else deadline?.addEventListener('abort', expire, { once: true });
}

/** Has what listens to a request, and to its response, run in the caller's context. `heard` is told of each event before. */
export function emitIn(
  lent: LentContext,
  request: RequestLike,
  heard?: (event: unknown, value: unknown) => void,
): void {
  const emit = request.emit;
  replace(request, 'emit', (...args) => {
    const [event, value] = args;
    heard?.(event, value);
    if (event === 'response' && typeof (value as Partial<RequestLike> | undefined)?.emit === 'function') {
      emitIn(lent, value as RequestLike);
    }
    // Of most events of a request nobody is told.
    if (request.listenerCount?.(event) === 0) return Reflect.apply(emit, request, args);
    return lent.run(emit, request, args);
  });
}

/** Returns how a call came out whose result is a response, or anything else. */
export function answered(response: unknown): Outcome {
  const { statusCode } = Object(response) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusOutcome(statusCode) : {};
}

/** Returns how a request came out that failed. An AbortError that stands for a timeout is told as that. */
export function failed(error: unknown, ...signals: readonly unknown[]): Outcome {
  return { failed: true, ...failureOutcome(timeoutIn(error) ?? error, ...signals) };
}

function timeoutIn(error: unknown): unknown {
  try {
    const { name, cause } = Object(error) as { name?: unknown; cause?: unknown };
    return name === 'AbortError' && (Object(cause) as { name?: unknown }).name === 'TimeoutError' ? cause : undefined;
  } catch {
    // A getter of the user's error threw.
    return undefined;
  }
}

// As a method is: nobody lists it.
function replace(object: object, name: 'emit' | 'destroy', value: (...args: unknown[]) => unknown): void {
  Object.defineProperty(object, name, { value, enumerable: false, configurable: true, writable: true });
}
