import { warnOnce } from '@throughline/core/adapter';
import type { Outgoing } from './shape.ts';

/*
 * All headers of a message go in one frame. Where it is larger than the connection agreed on, 4096 bytes in the first versions of
 * amqplib 0.10, the broker closes the connection; past 64 KiB amqplib throws, or sends what nobody can read. What we add must not be
 * what makes it so: baggage stays behind first.
 */

/** What amqplib encodes headers in. */
const MOST_BYTES = 65_536;
/** The frame's own bytes, and what the properties beside the headers take at the least. */
const FRAME_BYTES = 64;
/** What they take at the most: eight texts of 255 bytes each. */
const PROPERTIES_BYTES = 2100;

/** Returns how many bytes the frame with a message's headers may have on a connection. */
export function frameRoom(connection: unknown): number {
  const { frameMax } = (connection ?? {}) as { frameMax?: unknown };
  const most = typeof frameMax === 'number' && frameMax > 0 ? Math.min(frameMax, MOST_BYTES) : MOST_BYTES;
  return most - FRAME_BYTES;
}

/** Returns headers with as many of the fields as there is room for; `own` are the caller's. */
export function fitted(
  headers: Outgoing['headers'],
  own: Outgoing['headers'],
  options: object | null | undefined,
  room: number,
): Outgoing['headers'] {
  // By characters first, of which each may be three bytes: most messages are far from any limit.
  if (tableBytes(headers, atMost) < room - PROPERTIES_BYTES) return headers;
  const left = room - textBytes(options);
  if (tableBytes(headers, Buffer.byteLength) <= left) return headers;
  warnOnce(
    'amqplib-room',
    'a message of amqplib holds so many headers that there is no room for trace context or baggage in its frame: they stay behind. Name what baggage may travel, `baggage: { send: [...] }`, or raise `frameMax` of the connection.',
  );
  const { baggage: _, ...withoutBaggage } = headers ?? {};
  if (tableBytes(withoutBaggage, Buffer.byteLength) <= left) return withoutBaggage;
  return own;
}

type Measure = (text: string) => number;
const atMost: Measure = (text) => text.length * 3;

function tableBytes(table: unknown, measure: Measure, depth = 0): number {
  let bytes = 4;
  // As amqplib reads it: what a table inherits counts.
  for (const name in table as object) {
    bytes += 1 + measure(name) + valueBytes((table as Record<string, unknown>)[name], measure, depth);
  }
  return bytes;
}

const MAX_DEPTH = 16;

function valueBytes(value: unknown, measure: Measure, depth: number): number {
  if (typeof value === 'string') return 5 + measure(value);
  if (typeof value !== 'object' || value === null) return 9;
  if (value instanceof Uint8Array) return 5 + value.byteLength;
  // Deeper than anybody nests; amqplib would go on without end in a circle.
  if (depth > MAX_DEPTH) return MOST_BYTES;
  return 1 + tableBytes(value, measure, depth + 1);
}

function textBytes(options: object | null | undefined): number {
  let bytes = 0;
  for (const value of Object.values(options ?? {}))
    if (typeof value === 'string') bytes += 1 + Buffer.byteLength(value);
  return bytes;
}
