import type { CarrierReader } from '../carrier/read.ts';
import type { Sending } from '../hop/hop.ts';

/** What a hop writes, and how. */
export type WrittenFields = Pick<Sending, 'fields' | 'mode' | 'keepsValid'>;

/** The three fields of a hop, as text or as bytes. */
export type FieldValues = Readonly<Record<string, string | Uint8Array>>;

/** How a client's messages hold their headers. */
export interface MessageShape {
  readonly reader: CarrierReader;
  /** A message's headers, `undefined` where it has none, and `null` where nothing can be written: the client reports that. */
  headers(message: unknown): object | undefined | null;
  /** Whether headers hold `traceparent`, `tracestate` or `baggage` in any letter case. */
  holdsFields(headers: object): boolean;
  /** What writes the fields into the messages of one send. */
  writer(fields: WrittenFields): MessageWriter;
  /** The same where the fields are W3C's alone, and no headers of these messages hold any of them in any letter case. */
  plainWriter(values: FieldValues): MessageWriter;
  /** From so many messages of one send on, `plainWriter` is given bytes. */
  readonly bytesFrom: number;
}

/** Returns a copy of the message whose headers, a copy too, hold the fields. */
export type MessageWriter = (message: object, headers: object | undefined) => unknown;

/** Which fields a hop has to write: none, W3C's alone, or those of a foreign propagator too. */
export function fieldsKind(fields: FieldValues): 'none' | 'w3c' | 'foreign' {
  let kind: 'none' | 'w3c' = 'none';
  for (const name in fields) {
    if (name !== 'traceparent' && name !== 'tracestate' && name !== 'baggage') return 'foreign';
    kind = 'w3c';
  }
  return kind;
}

/** Returns fields as bytes, for a client that encodes them for each message. */
export function asBytes(fields: Readonly<Record<string, string>>): FieldValues {
  const bytes: Record<string, Uint8Array> = {};
  for (const name of Object.keys(fields)) bytes[name] = Buffer.from(fields[name] as string);
  return bytes;
}
