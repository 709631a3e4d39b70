import type { Attributes, Baggage } from '@opentelemetry/api';
import { printable } from './diagnostics.ts';
import type { HopSettings } from './settings.ts';

const MAX_ATTRIBUTE = 256;

/** Copies the chosen members of baggage onto a span's attributes, as printable text of at most 256 characters. */
export function addBaggage(attributes: Attributes, baggage: Baggage, settings: HopSettings): void {
  for (const key of settings.toAttributes) {
    const value = baggage.getEntry(key)?.value;
    if (typeof value === 'string') attributes[key] = printable(value.slice(0, MAX_ATTRIBUTE));
  }
}
