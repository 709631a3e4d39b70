import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorType } from '@throughline/core/adapter';
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
 * span's status stays unset.
 *
 * @example
 * ```ts
 * app.use(recordErrors());
 * app.use(errorPage);
 * ```
 */
export function recordErrors(): ErrorMiddleware {
  // Express knows error middleware by its four parameters.
  return (error, req, _res, next) => {
    const hop = hopOf(req);
    if (hop !== undefined && !hop.ended && hop.error !== error) {
      hop.error = error;
      hop.errorType = errorType(error);
      const { span } = hop.received;
      if (span.isRecording() && (error instanceof Error || typeof error === 'string')) span.recordException(error);
    }
    next(error);
  };
}
