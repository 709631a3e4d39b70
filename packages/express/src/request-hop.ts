import type { ServerResponse } from 'node:http';
import type { Context } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import type { Received } from '@throughline/core/adapter';
import type { NodeExchange } from '@throughline/core/http';
import type { ApplicationLike } from './request.ts';

/** Where a request stood when it entered a route. */
export interface Entry {
  readonly route: object;
  readonly baseUrl: string;
  readonly url: string;
  readonly app: ApplicationLike | undefined;
  /** Express's `req.next`, which changes when the route's router is left. */
  readonly next: unknown;
  /** The route that has this one among its handlers, as a router that guards it. */
  readonly around: Entry | undefined;
  /** What instrumentation-express calls the route. */
  theirs: string | undefined;
}

/** What is kept of a hop while its request is handled. */
export interface RequestHop extends NodeExchange {
  readonly received: Received;
  readonly response: ServerResponse;
  /** Where listeners run that are added outside of any context. */
  readonly context: Context;
  /** The options of the middleware that came first. */
  readonly options: HopOptions;
  /** The method, as span names have it. */
  readonly method: string;
  /** The trace that a policy kept out, where spans of it are active above the middleware. */
  readonly keptOut: string | undefined;
  /** What `req.route` reads. */
  route: unknown;
  /** The route that was entered last before the answer began. */
  entry: Entry | undefined;
  /** The error that `recordErrors()` saw last, and its class. */
  error: unknown;
  errorType: string | undefined;
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
