import type { HopOptions } from './options.ts';
import { defaultSettings, hopSettings } from './settings.ts';
import type { HopSettings } from './settings.ts';
import { version } from '../version.ts';

/**
 * Returns a function that gives the settings which `make` makes of an options object: once for each object, and once for none.
 * For options that are handed in with every call: to check them costs more than the call.
 *
 * @example
 * ```ts
 * const settingsOf = remembering((options: HopOptions | undefined) => hopSettings(options, scope));
 * ```
 */
export function remembering<O extends object, S extends object>(
  make: (options: O | undefined) => S,
): (options: O | undefined) => S {
  const known = new WeakMap<O, S>();
  let ofNone: S | undefined;
  return (options) => {
    if (options === undefined || options === null) return (ofNone ??= make(undefined));
    // What is wrong is for `make` to report.
    if (typeof options !== 'object') return make(options);
    let settings = known.get(options);
    if (settings === undefined) known.set(options, (settings = make(options)));
    return settings;
  };
}

/** Returns the settings of an options object that is handed in with every call, in core's own scope. */
export const rememberedSettings: (options: HopOptions | undefined) => HopSettings = remembering((options) =>
  options === undefined ? defaultSettings() : hopSettings(options, { name: '@throughline/core', version }),
);
