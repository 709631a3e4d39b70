import { httpServerSettings } from '@throughline/core/http';
import type { HttpServerOptions } from '@throughline/core/http';
import type { HopSettings } from '@throughline/core/adapter';
import { version } from './version.ts';

/** The options of every adapter, and those of HTTP servers: the functions are given the `Request`. */
export type WebOptions = HttpServerOptions<Request>;

/** Returns the settings of one wrap. Throws a `ThroughlineError` for a wrong option. */
export function webSettings(options: HttpServerOptions<never> | undefined): HopSettings {
  return httpServerSettings(options, { name: '@throughline/web', version });
}
