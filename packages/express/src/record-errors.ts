import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorType, recordException } from '@throughline/core/adapter';
import { notCalled } from './options.ts';
import { hopOf } from './request-hop.ts';

/** Error middleware of Express 4 and 5. */
export type ErrorMiddleware = (
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Returns error middleware that records the exception on the request's span and passes the same error on. Put it after the
 * routes and before your own error handler. Where the answer is a 5xx, `error.type` becomes the error's class; below that the
 * span's status stays unset. What fails because the caller has gone away is not recorded. Throws a `ThroughlineError` where
 * the call is missing: `app.use(recordErrors)`.
 *
 * @example
 * ```ts
 * app.use(recordErrors());
 * app.use(errorPage);
 * ```
 */
export function recordErrors(...nothing: never[]): ErrorMiddleware {
  if (nothing.length > 0) throw notCalled('recordErrors');
  // Express knows error middleware by its four parameters.
  return (error, req, _res, next) => {
    const hop = hopOf(req);
    // Once the connection is gone, an error says just that: an upload that broke off, a response that nobody takes.
    if (hop !== undefined && !hop.ended && !hop.unheard && hop.error !== error && !req.socket.destroyed) {
      hop.error = error;
      hop.errorType = errorType(error);
      hop.received.describe((span) => recordException(span, error));
    }
    next(error);
  };
}
