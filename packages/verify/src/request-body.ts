import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { ByteBudget } from './byte-budget.ts';

/** Why a body was not taken. */
export interface BodyRefusal {
  readonly status: 400 | 413 | 503;
  readonly message: string;
}

export interface BodyLimits {
  /** Of one body, before and after decompression. */
  readonly maxBytes: number;
  /** Of all bodies that are being received. */
  readonly budget: ByteBudget;
}

/** What a request that sends nothing costs: its socket, its buffers, and the window of a decompression. */
export const REQUEST_BYTES: number = 64 * 1024;
const CHUNK_BYTES = 64 * 1024;
const MIN_CAPACITY = 1024;
const none = Buffer.alloc(0);

/**
 * Returns the body of a request, decompressed while it comes in; or why it was refused, as soon as that is known. Rejects when
 * the client goes away. What is left of a refused body is not read. `length` is what the sender says of it.
 */
export function readBody(
  request: Readable,
  compression: 'identity' | 'gzip',
  { maxBytes, budget }: BodyLimits,
  length: number,
): Promise<Buffer | BodyRefusal> {
  return new Promise((resolve, reject) => {
    const gunzip = compression === 'gzip' ? createGunzip({ chunkSize: CHUNK_BYTES }) : undefined;
    const tooLarge = { status: 413, message: `the body is larger than ${maxBytes} bytes` } as const;
    // One buffer that grows: a list of chunks would keep an object for each, and a sender may make them one byte long.
    let bytes = none;
    let size = 0;
    let received = 0;

    const stop = (): void => {
      share.end();
      // The listeners stay until the connection closes, and would keep it.
      bytes = none;
      gunzip?.destroy();
      request.off('data', receive).off('end', ended).pause();
    };
    const settle = (outcome: Buffer | BodyRefusal): void => {
      stop();
      resolve(outcome);
    };
    const store = (chunk: Buffer): void => {
      if (size + chunk.length > maxBytes) return settle(tooLarge);
      if (size + chunk.length > bytes.length) {
        const capacity = Math.min(maxBytes, Math.max(MIN_CAPACITY, size + chunk.length, 2 * bytes.length));
        share.take(capacity - bytes.length);
        const grown = Buffer.allocUnsafeSlow(capacity);
        bytes.copy(grown, 0, 0, size);
        bytes = grown;
      } else share.take(0);
      size += chunk.copy(bytes, size);
    };
    const receive = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > maxBytes) return settle(tooLarge);
      if (gunzip === undefined) return store(chunk);
      if (gunzip.write(chunk)) return;
      request.pause();
      gunzip.once('drain', () => request.resume());
    };
    const done = (): void => settle(bytes.subarray(0, size));
    const ended = (): void => {
      if (gunzip === undefined) done();
      else gunzip.end();
    };

    const share = budget.open(() =>
      settle({ status: 503, message: 'too much is being received at once: send it again' }),
    );
    if (length > maxBytes) return settle(tooLarge);
    share.take(REQUEST_BYTES);
    gunzip?.on('data', store);
    gunzip?.on('end', done);
    gunzip?.on('error', () => settle({ status: 400, message: 'the body is not gzip' }));
    request.on('data', receive);
    request.on('end', ended);
    request.on('error', reject);
    request.on('close', () => {
      if (request.readableEnded) return;
      stop();
      reject(new Error('the request was aborted'));
    });
  });
}
