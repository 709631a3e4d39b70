import { checkBoolean, checkFunction } from '../option-checks.ts';
import type { HopOptions } from '../policy/options.ts';
import { hopSettings } from '../policy/settings.ts';
import type { HopSettings } from '../policy/settings.ts';
import type { HopScope } from '../telemetry/instruments.ts';
import type { HttpOptions } from './redaction.ts';

/** A function of the request. As a method's type, it also takes one whose parameter is a narrower type of request. */
export type OfRequest<R, T> = { ask(request: R): T }['ask'];

/** The options that every server of HTTP takes; `R` is its request. */
export interface HttpServerOptions<R> extends HttpOptions {
  /** `true`: the request passes as if nothing traced it. */
  readonly ignore?: OfRequest<R, boolean> | undefined;
  /**
   * Says the route where you know better: a pattern, such as `/users/:id`, never a concrete path. Asked as the request
   * arrives, where `inbound` is a function (it is `peer.name`), and as it ends. `undefined` leaves it to the framework.
   */
  readonly route?: OfRequest<R, string | undefined> | undefined;
  /** Tells the caller the span, in `Server-Timing: traceparent;desc="…"`, which browsers can read. Default `false`. */
  readonly serverTiming?: boolean | undefined;
}

// As an object, so that the compiler tells when one is missing.
const SERVER_OPTIONS: Readonly<Record<Exclude<keyof HttpServerOptions<never>, keyof HopOptions>, true>> = {
  ignore: true,
  route: true,
  serverTiming: true,
  redactQueryKeys: true,
};

/**
 * Returns the settings of an adapter that serves HTTP. `own` names the options that it takes beside these. Throws a
 * `ThroughlineError` for a wrong option.
 */
export function httpServerSettings(
  options: HttpServerOptions<never> | undefined,
  scope: HopScope,
  own: readonly string[] = [],
): HopSettings {
  const settings = hopSettings(options, scope, [...Object.keys(SERVER_OPTIONS), ...own]);
  checkFunction('ignore', options?.ignore, 'a function of the request');
  checkFunction('route', options?.route, 'a function of the request');
  checkBoolean('serverTiming', options?.serverTiming);
  return settings;
}
