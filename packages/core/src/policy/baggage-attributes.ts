import type { Attributes, Baggage } from '@opentelemetry/api';
import { warnOnce } from '../diagnostics.ts';
import { LINEAGE_KEY } from '../lineage/codec.ts';
import { checkWhole } from '../option-checks.ts';
import { printable } from '../printable.ts';
import { isAmong } from '../telemetry/distinct.ts';

/** The baggage keys that become attributes when nobody says which. */
export const defaultAttributeKeys: readonly string[] = Object.freeze(['session.id', 'gen_ai.conversation.id']);

/** What stands for every value of a key past the `maxValues` first ones. */
const OTHER = '_other';
const MAX_KEYS = 64;
const MAX_TEXT = 256;

// One account for the process, whichever copies of this package are loaded and however many wraps and processors there are:
// a backend counts the attributes of a service, not of a wrap.
const seenKey = Symbol.for('throughline.baggage-attributes');

interface Seen {
  readonly keys: Set<string>;
  readonly values: Map<string, Set<string>>;
}

function seen(): Seen {
  const holder = globalThis as { [seenKey]?: Seen };
  return (holder[seenKey] ??= { keys: new Set(), values: new Map() });
}

/** Which members become attributes. */
export interface BaggageAttributes {
  readonly toAttributes: readonly string[];
  readonly maxValues: number | undefined;
}

/** Copies the chosen members of baggage onto a span's attributes. */
export function addBaggage(attributes: Attributes, baggage: Baggage, settings: BaggageAttributes): void {
  for (const key of settings.toAttributes) {
    const value = attributeValue(key, baggage.getEntry(key)?.value, settings.maxValues);
    if (value !== undefined) attributes[key] = value;
  }
}

/** Returns the keys that a user names, without lineage, which is never an attribute of its own. */
export function attributeKeys(keys: readonly string[]): readonly string[] {
  return keys.includes(LINEAGE_KEY) ? keys.filter((key) => key !== LINEAGE_KEY) : keys;
}

/**
 * Whether a key that nobody named, but a pattern or predicate let in, may become an attribute: its name comes from outside.
 * The first 64 of a process may; then one warning.
 */
export function admitsKey(key: string): boolean {
  const { keys } = seen();
  if (keys.has(key)) return true;
  if (key === LINEAGE_KEY || key.length === 0 || key.length > MAX_TEXT || printable(key) !== key) return false;
  if (isAmong(keys, key, MAX_KEYS)) return true;
  warnOnce(
    'baggage-keys',
    `baggage brought more than ${MAX_KEYS} different keys, so '${key}' and further new ones do not become attributes. Name the keys that you need: names are always let in.`,
  );
  return false;
}

/**
 * Returns a member's value as an attribute: printable, at most 256 characters, and `_other` once its key has had `maxValues`
 * different ones in this process.
 */
export function attributeValue(key: string, value: unknown, maxValues: number | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = printable(value, MAX_TEXT);
  if (maxValues === undefined) return text;
  const { values } = seen();
  let known = values.get(key);
  if (known === undefined) values.set(key, (known = new Set()));
  return isAmong(known, text, maxValues) ? text : OTHER;
}

/** Throws unless `maxValues` is absent or a whole number from 1. */
export function checkMaxValues(name: string, given: unknown): void {
  checkWhole(name, given, 1);
}
