import type { CarrierReader } from '../carrier/read.ts';
import type { WrittenFields } from '../carrier/write.ts';

/** How a client's messages hold their headers. */
export interface MessageShape {
  readonly reader: CarrierReader;
  /** A message's headers, `undefined` where it has none, and `null` where nothing can be written: the client reports that. */
  headers(message: unknown): object | undefined | null;
  /** Whether headers hold `traceparent`, `tracestate` or `baggage` in any letter case, or one of the `foreign` fields. */
  holdsFields(headers: object, foreign?: readonly string[]): boolean;
  /** Returns what writes the fields of one hop into its messages, of which there are `count`. */
  writer(fields: WrittenFields, count: number): MessageWriter;
}

/** Returns a copy of the message whose headers, a copy too, hold the fields. */
export type MessageWriter = (message: object, headers: object | undefined) => unknown;

/** Whether a hop has no fields to write. */
export function isEmpty(fields: Readonly<Record<string, string>>): boolean {
  for (const _ in fields) return false;
  return true;
}
