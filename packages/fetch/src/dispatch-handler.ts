import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { answerField, nodeHeaders } from '@throughline/core/adapter';
import type { Outcome, Sending } from '@throughline/core/adapter';
import { failureOutcome, statusOutcome } from './http-client-span.ts';

type Callback = (this: unknown, ...args: unknown[]) => unknown;
type Handler = Record<string, Callback | undefined>;
type OutcomeOf = (args: unknown[], ...signals: unknown[]) => Outcome | undefined;

// How each callback ends the hop: with an outcome, or not yet. The first six are those of undici 7 and 8, the others those of
// undici 6, which 7 also takes.
// `signals` tell whether the caller aborted; a controller does too.
const callbacks: Readonly<Record<string, OutcomeOf>> = {
  onRequestStart: notYet,
  onRequestUpgrade: ([, status]) => answered(status),
  onResponseStart: ([, status]) => answered(status),
  onResponseData: notYet,
  onResponseEnd: () => ({}),
  onResponseError: ([controller, error], ...signals) => failureOutcome(error, controller, ...signals),
  onConnect: notYet,
  onUpgrade: ([status]) => answered(status),
  onHeaders: ([status]) => answered(status),
  onData: notYet,
  onComplete: () => ({}),
  onError: ([error], ...signals) => failureOutcome(error, ...signals),
  onBodySent: notYet,
  onRequestSent: notYet,
  onResponseStarted: notYet,
};
const names = Object.keys(callbacks);

// The callbacks that bring the means to abort: undici's own `signal` is read before a dispatch, where an interceptor is late.
const aborts: Readonly<Record<string, ((args: unknown[], reason: unknown) => void) | undefined>> = {
  onRequestStart: ([controller], reason) => (controller as { abort(reason: unknown): void }).abort(reason),
  onConnect: ([abort], reason) => (abort as (reason: unknown) => void)(reason),
};
const last = new Set(['onResponseEnd', 'onResponseError', 'onComplete', 'onError']);

/**
 * Returns a handler that ends the hop when the response's headers, or an error, arrive, and passes everything on to `handler`,
 * whose callbacks run in the `caller`'s context. Where they would run otherwise is the context in which the connection was
 * opened, some earlier request's: a retry that starts from one of them would belong to that request. `own` is the caller's signal;
 * `end` ends the hop.
 */
export function tracedHandler<H extends object>(
  handler: H,
  sending: Sending,
  caller: Context,
  own: unknown,
  end: (outcome: Outcome) => void,
): H {
  // Inherits, so that what undici asks beside the callbacks is found; a callback that the handler lacks stays lacking.
  const traced = Object.create(handler) as Handler;
  const { signal } = sending;
  let release: (() => void) | undefined;
  let redirected = false;
  // The older handler's abort is a bare function, which does not remember that it was called.
  const abortedBy = { aborted: false, reason: undefined as unknown };
  for (const name of names) {
    const callback = (handler as Handler)[name];
    if (typeof callback !== 'function') continue;
    const abort = aborts[name];
    const outcomeOf = callbacks[name] as OutcomeOf;
    traced[name] = (...args) => {
      const outcome = outcomeOf(args, own, abortedBy);
      if (abort !== undefined && signal !== undefined) {
        release?.();
        release = whenAborted(signal, (reason) => abort(args, reason));
      } else if (release !== undefined && last.has(name)) release();
      redirected ||= isRedirected(name, args);
      if (outcome !== undefined) {
        // An answer that a redirect led to is that of another server than the one that was called.
        if (!redirected) sending.answered(answerIn(name, args));
        end(outcome);
      }
      const passed = name === 'onConnect' ? [noting(args[0], abortedBy), ...args.slice(1)] : args;
      return contextApi.with(caller, callback, handler, ...passed);
    };
  }
  return traced as H;
}

/** Returns `abort`, which notes in `abortedBy` that it was called, and with what. */
function noting(abort: unknown, abortedBy: { aborted: boolean; reason: unknown }): unknown {
  return (reason: unknown) => {
    abortedBy.aborted = true;
    abortedBy.reason = reason;
    return (abort as (reason: unknown) => unknown)(reason);
  };
}

// undici's redirect interceptor, where it is composed inside, gives the requests that it has made before.
function isRedirected(callback: string, args: unknown[]): boolean {
  if (callback !== 'onRequestStart' && callback !== 'onConnect') return false;
  const { history } = Object(args[1]) as { history?: unknown };
  return Array.isArray(history) && history.length > 0;
}

// The headers are a record in undici 7 and 8, and in 6 a flat list of bytes.
function answerIn(callback: string, args: unknown[]): unknown {
  if (callback === 'onResponseStart') return nodeHeaders.read(args[2], answerField);
  const headers = callback === 'onHeaders' ? args[1] : undefined;
  if (!Array.isArray(headers)) return undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (String(headers[at]).toLowerCase() === answerField) return String(headers[at + 1]);
  }
  return undefined;
}

// An informational response is not the answer, but 101 is: the connection is another protocol's from then on.
function answered(status: unknown): Outcome | undefined {
  if (typeof status !== 'number') return {};
  return status >= 200 || status === 101 ? statusOutcome(status) : undefined;
}

function notYet(): undefined {
  return undefined;
}

/** Calls `abort` when the signal aborts, or now where it has; returns what takes that back. */
function whenAborted(signal: AbortSignal, abort: (reason: unknown) => void): () => void {
  const listener = (): void => abort(signal.reason);
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}
