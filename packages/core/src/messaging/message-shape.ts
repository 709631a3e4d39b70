import type { CarrierReader } from '../carrier.ts';
import type { Sending } from '../hop.ts';

/** What a hop writes, and how. */
export type WrittenFields = Pick<Sending, 'fields' | 'mode' | 'keepsValid'>;

/** How a client's messages hold their headers. */
export interface MessageShape {
  readonly reader: CarrierReader;
  /** A message's headers, `undefined` where it has none, and `null` where nothing can be written: the client reports that. */
  headers(message: unknown): object | undefined | null;
  /** Whether headers hold `traceparent`, `tracestate` or `baggage` in any letter case. */
  holdsFields(headers: object): boolean;
  /** A copy of the message whose headers, a copy too, hold the fields. `w3c`: the fields are W3C's alone. */
  write(message: object, headers: object | undefined, fields: WrittenFields, w3c: boolean): unknown;
}

/** Whether the fields of a hop are W3C's alone, and not those of a foreign propagator. */
export function areW3C(fields: Readonly<Record<string, string>>): boolean {
  for (const name in fields) if (name !== 'traceparent' && name !== 'tracestate' && name !== 'baggage') return false;
  return true;
}

/** Whether a hop has nothing to write. */
export function isEmpty(fields: object): boolean {
  for (const _ in fields) return false;
  return true;
}
