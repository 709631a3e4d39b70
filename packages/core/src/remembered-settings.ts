import type { HopOptions } from './options.ts';
import { defaultSettings, hopSettings } from './settings.ts';
import type { HopSettings } from './settings.ts';
import { version } from './version.ts';

const remembered = new WeakMap<HopOptions, HopSettings>();

/** Returns the settings of an options object that is handed in with every call, in core's own scope. */
export function rememberedSettings(options: HopOptions | undefined): HopSettings {
  if (options === undefined) return defaultSettings();
  const known = remembered.get(options);
  if (known !== undefined) return known;
  const settings = hopSettings(options, { name: '@throughline/core', version });
  remembered.set(options, settings);
  return settings;
}
