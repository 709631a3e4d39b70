import { warnOnce } from '../diagnostics.ts';
import type { HopOptions } from '../policy/options.ts';
import type { HopSettings } from '../policy/settings.ts';

/** The property under which a wrapped thing keeps the options of its first wrap, in every loaded copy of this package. */
export const wrapBrand: unique symbol = Symbol.for('throughline.wrapped') as never;

/** A wrap, as far as its brand says: with which options. */
export type Wrap = Pick<HopSettings, 'options'>;

/** Whether `thing` is wrapped already. */
export function wrapped(thing: unknown): boolean {
  return brandOf(thing) !== undefined;
}

/** Marks `wrapper` as wrapped with these settings, and returns it. */
export function markWrapped<T extends object>(wrapper: T, settings: Wrap): T {
  Object.defineProperty(wrapper, wrapBrand, { value: settings.options, enumerable: false, configurable: true });
  return wrapper;
}

/** Takes the mark off what was wrapped in place, and is not any more. */
export function unmarkWrapped(wrapper: object): void {
  Reflect.deleteProperty(wrapper, wrapBrand);
}

/** Warns once when `thing`, wrapped before, is wrapped again with other options: those of the first wrap hold. */
export function warnIfRewrapped(thing: unknown, settings: Wrap): void {
  const first = brandOf(thing);
  if (first === undefined || sameOptions(first, settings.options)) return;
  warnOnce(
    'rewrapped',
    'something that is already traced was wrapped again with other options; those of the first wrap hold.',
  );
}

function brandOf(thing: unknown): HopOptions | undefined {
  if ((typeof thing !== 'object' && typeof thing !== 'function') || thing === null) return undefined;
  return (thing as { [wrapBrand]?: HopOptions })[wrapBrand];
}

function sameOptions(a: HopOptions, b: HopOptions): boolean {
  if (a === b) return true;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof HopOptions>;
  for (const name of names) if (a[name] !== b[name]) return false;
  return true;
}
