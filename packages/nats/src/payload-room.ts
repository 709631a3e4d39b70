import { warnOnce } from '@throughline/core/adapter';
import type { HeadersLike } from './message.ts';

/** What a server says of itself, as far as it is read here. */
export interface ServerInfoLike {
  /** Whether it takes headers. */
  readonly headers?: boolean | undefined;
  /** Bytes of headers and payload together. */
  readonly max_payload?: number | undefined;
}

// Our fields are at most some 9 KB.
const FAR = 16_384;

/**
 * Returns whether the server takes a payload together with these headers. A message that it takes without our fields is not to fail
 * for their sake.
 */
export function fits(headers: HeadersLike, payload: unknown, info: ServerInfoLike | undefined): boolean {
  const most = info?.max_payload;
  if (typeof most !== 'number') return true;
  const size =
    typeof payload === 'string' ? payload.length * 3 : ((payload as Uint8Array | undefined)?.byteLength ?? 0);
  let rough = FAR;
  for (const [name, values] of headers) for (const value of values) rough += (name.length + value.length) * 3;
  if (size + rough <= most) return true;
  if (bytesOf(payload) + headerBytes(headers) <= most) return true;
  warnOnce(
    'nats-max-payload',
    `a message of NATS is sent without trace context, since with it it were larger than the server's max_payload of ${most} bytes.`,
  );
  return false;
}

const encoder = new TextEncoder();

function bytesOf(payload: unknown): number {
  if (typeof payload === 'string') return encoder.encode(payload).byteLength;
  return payload instanceof Uint8Array ? payload.byteLength : 0;
}

// `NATS/1.0`, a line for each value, and an empty line.
function headerBytes(headers: HeadersLike): number {
  let bytes = 'NATS/1.0\r\n\r\n'.length + (headers.code > 0 ? bytesOf(` ${headers.code} ${headers.description}`) : 0);
  for (const [name, values] of headers) for (const value of values) bytes += bytesOf(`${name}: ${value}\r\n`);
  return bytes;
}
