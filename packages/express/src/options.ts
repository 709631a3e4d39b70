import { ThroughlineError } from '@throughline/core';
import type { IncomingMessage } from 'node:http';
import { checkBoolean, checkFunction, hopSettings } from '@throughline/core/adapter';
import type { HopOptions, Peer } from '@throughline/core';
import type { HttpOptions } from '@throughline/core/http';
import type { HopSettings } from '@throughline/core/adapter';
import { version } from './version.ts';

/** A function of the request. As a method's type, it also takes one whose parameter is Express's own `Request`. */
export type OfRequest<T> = { ask(req: IncomingMessage): T }['ask'];

/** The peer of a request, for functions of `inbound` and `authenticated` that are meant for Express alone. */
export interface ExpressPeer extends Peer {
  /** The request itself; annotate it with Express's own type where you need more. Do not change it. */
  readonly request: IncomingMessage;
}

/**
 * The options of every adapter, and those of Express. The functions are called with Express's own request: annotate the
 * parameter with its type where you need more of it than Node's.
 */
export interface ExpressOptions extends HttpOptions {
  /** `true`: the request passes as if this middleware were not there. */
  readonly ignore?: OfRequest<boolean> | undefined;
  /**
   * Says the route where you know better: a pattern, such as `/users/:id`, never a concrete path. Asked as the request
   * arrives, where `inbound` is a function (it is `peer.name`), and as it ends. `undefined` leaves it to Express.
   */
  readonly route?: OfRequest<string | undefined> | undefined;
  /** Tells the caller the span, in `Server-Timing: traceparent;desc="…"`, which browsers can read. Default `false`. */
  readonly serverTiming?: boolean | undefined;
}

// As an object, so that the compiler tells when one is missing.
const EXPRESS_OPTIONS: Readonly<Record<Exclude<keyof ExpressOptions, keyof HopOptions>, true>> = {
  ignore: true,
  route: true,
  serverTiming: true,
  redactQueryKeys: true,
};

/** Returns the settings of one middleware. Throws a {@link ThroughlineError} for a wrong option. */
export function expressSettings(options: ExpressOptions | undefined): HopSettings {
  const settings = hopSettings(options, { name: '@throughline/express', version }, Object.keys(EXPRESS_OPTIONS));
  checkFunction('ignore', options?.ignore, 'a function of the request');
  checkFunction('route', options?.route, 'a function of the request');
  checkBoolean('serverTiming', options?.serverTiming);
  return settings;
}

/** The error of `app.use(name)`, whose request would never be answered: the function that makes middleware is none. */
export function notCalled(name: string): ThroughlineError {
  return new ThroughlineError(
    'ERR_THROUGHLINE_ARGUMENT',
    `\`${name}\` returns middleware, and was given a request as if it were some. Call it: \`app.use(${name}())\`.`,
  );
}
