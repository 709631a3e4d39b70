const SIZE = 8192;

let pool: Buffer | undefined;
let used = 0;

/** Bytes of the pool that are the caller's to write: `length` of them, from `start` on. */
export interface Reserved {
  readonly pool: Buffer;
  readonly start: number;
}

/**
 * Returns `length` bytes of a pool, as `Buffer.allocUnsafe` takes them from its own, at less cost for who writes a few ASCII bytes
 * once a call: all of it is compiled into the caller.
 */
export function reserve(length: number): Reserved {
  if (pool === undefined || used + length > pool.length) {
    pool = Buffer.allocUnsafeSlow(Math.max(SIZE, length));
    used = 0;
  }
  const start = used;
  used += length;
  return { pool, start };
}

/** Returns the bytes of a text that is mostly ASCII, in UTF-8. */
export function bytesOf(text: string): Buffer {
  const { length } = text;
  if (length > SIZE / 8) return Buffer.from(text);
  const { pool, start } = reserve(length);
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) return Buffer.from(text);
    pool[start + at] = code;
  }
  return pool.subarray(start, start + length);
}
