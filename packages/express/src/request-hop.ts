import type { Context } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import type { Received } from '@throughline/core/adapter';
import type { ApplicationLike } from './request.ts';

/** What is kept of a hop while its request is handled. */
export interface RequestHop {
  readonly received: Received;
  /** Where listeners run that are added outside of any context. */
  readonly context: Context;
  /** The options of the middleware that came first. */
  readonly options: HopOptions;
  /** The method, as span names have it. */
  readonly method: string;
  /** The route that was entered last, and where the request stood then. */
  route: unknown;
  baseUrl: string;
  url: string;
  app: ApplicationLike | undefined;
  /** The error that `recordErrors()` saw last, and its class. */
  error: unknown;
  errorType: string | undefined;
  ended: boolean;
}

/** The property that holds the hop on both its request and its response, in every loaded copy of this package. */
export const hopKey: unique symbol = Symbol.for('throughline.express.hop') as never;

/** An object that may hold a hop. */
export interface HopHolder {
  [hopKey]?: RequestHop;
}

/** Returns the hop of a request or response that `traceContext()` has seen. */
export function hopOf(holder: object): RequestHop | undefined {
  return (holder as HopHolder)[hopKey];
}
