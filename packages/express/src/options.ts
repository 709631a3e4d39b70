import { ThroughlineError } from '@throughline/core';
import type { IncomingMessage } from 'node:http';
import type { Peer } from '@throughline/core';
import { httpServerSettings } from '@throughline/core/http';
import type { HttpServerOptions, OfRequest as OfHttpRequest } from '@throughline/core/http';
import type { HopSettings } from '@throughline/core/adapter';
import { version } from './version.ts';

/** A function of the request. As a method's type, it also takes one whose parameter is Express's own `Request`. */
export type OfRequest<T> = OfHttpRequest<IncomingMessage, T>;

/** The peer of a request, for functions of `inbound` and `authenticated` that are meant for Express alone. */
export interface ExpressPeer extends Peer {
  /** The request itself; annotate it with Express's own type where you need more. Do not change it. */
  readonly request: IncomingMessage;
}

/**
 * The options of every adapter, and those of Express. The functions are called with Express's own request: annotate the
 * parameter with its type where you need more of it than Node's.
 */
export type ExpressOptions = HttpServerOptions<IncomingMessage>;

/** Returns the settings of one middleware. Throws a {@link ThroughlineError} for a wrong option. */
export function expressSettings(options: ExpressOptions | undefined): HopSettings {
  return httpServerSettings(options, { name: '@throughline/express', version });
}

/** The error of `app.use(name)`, whose request would never be answered: the function that makes middleware is none. */
export function notCalled(name: string): ThroughlineError {
  return new ThroughlineError(
    'ERR_THROUGHLINE_ARGUMENT',
    `\`${name}\` returns middleware, and was given a request as if it were some. Call it: \`app.use(${name}())\`.`,
  );
}
