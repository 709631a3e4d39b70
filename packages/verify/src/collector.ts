import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parseOtlpJson } from './otlp-json.ts';
import { parseOtlpProtobuf } from './otlp-protobuf.ts';
import { type OtlpEncoding, type OtlpResponse, exportResponse, failureResponse } from './otlp-response.ts';
import type { CollectedSpan } from './span.ts';

export interface CollectorOptions {
  /** Where to listen; `127.0.0.1` by default, which no other machine reaches. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
  /** The largest body, in bytes, before and after decompression; 8 MiB by default. */
  readonly maxBodyBytes?: number;
  /** How many spans are kept, 200,000 by default; what comes later is rejected and counted. */
  readonly maxSpans?: number;
}

/** Enough spans for the caller, or none more for a while, with at least one there. */
export type WaitCondition = ((spans: readonly CollectedSpan[]) => boolean) | { readonly quietMs: number };

export interface Collector {
  /** The value for `OTEL_EXPORTER_OTLP_ENDPOINT`; spans go to `/v1/traces` under it. */
  readonly url: string;
  /** The spans that came so far, in the order of arrival. */
  spans(): readonly CollectedSpan[];
  /** How many spans were refused: without valid ids or times, or past `maxSpans`. */
  rejected(): number;
  /**
   * Resolves with the spans once the condition holds. Rejects after `timeoutMs` (10,000 by default), on `close()`, and
   * with what the condition throws.
   */
  waitFor(condition: WaitCondition, options?: { readonly timeoutMs?: number }): Promise<readonly CollectedSpan[]>;
  /** Stops listening, ends every connection, and resolves when that is done. The spans stay readable. */
  close(): Promise<void>;
}

interface Waiter {
  /** Called after spans came. */
  check(): void;
  fail(error: Error): void;
}

const decompress = promisify(gunzip);
const SIGNALS = new Set(['/v1/traces', '/v1/metrics', '/v1/logs']);

/**
 * Starts an OTLP/HTTP endpoint that keeps every span it is sent. It takes JSON and protobuf, plain and gzip; metrics and
 * logs are accepted and dropped. It never writes to stdout or stderr.
 *
 * Follows https://opentelemetry.io/docs/specs/otlp/#otlphttp
 *
 * ```ts
 * const collector = await startCollector();
 * spawn('node', ['agent.js'], { env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
 * const spans = await collector.waitFor({ quietMs: 500 });
 * ```
 */
export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  const { host = '127.0.0.1', port = 0, maxBodyBytes = 8 * 1024 * 1024, maxSpans = 200_000 } = options;
  const spans: CollectedSpan[] = [];
  const waiters = new Set<Waiter>();
  let rejected = 0;

  const receive = async (request: IncomingMessage): Promise<OtlpResponse> => {
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    if (!SIGNALS.has(path)) return failureResponse('json', 404, `nothing is served at ${path}`);
    if (request.method !== 'POST') return failureResponse('json', 405, 'only POST is served');
    const encoding = encodingOf(request);
    if (encoding === undefined) {
      return failureResponse('json', 415, 'content-type must be application/json or application/x-protobuf');
    }
    const compression = request.headers['content-encoding'] ?? 'identity';
    if (compression !== 'identity' && compression !== 'gzip') {
      return failureResponse(encoding, 415, 'content-encoding must be gzip or identity');
    }
    const body = await readBody(request, maxBodyBytes);
    if (body === undefined) return failureResponse(encoding, 413, `the body is larger than ${maxBodyBytes} bytes`);
    if (path !== '/v1/traces') return exportResponse(encoding, 0, '');
    const plain = compression === 'gzip' ? await inflate(body, maxBodyBytes) : { bytes: body };
    if ('status' in plain) return failureResponse(encoding, plain.status, plain.message);
    return keep(encoding, plain.bytes);
  };

  const keep = (encoding: OtlpEncoding, bytes: Buffer): OtlpResponse => {
    const parsed = encoding === 'json' ? parseOtlpJson(bytes.toString('utf8')) : parseOtlpProtobuf(bytes);
    if (parsed.malformed !== undefined) return failureResponse(encoding, 400, parsed.malformed);
    const kept = parsed.spans.slice(0, Math.max(0, maxSpans - spans.length));
    for (const span of kept) spans.push(span);
    const overflow = parsed.spans.length - kept.length;
    rejected += parsed.rejected + overflow;
    for (const waiter of waiters) waiter.check();
    const why = overflow > 0 ? `the collector holds its ${maxSpans} spans` : 'spans without valid ids or times';
    return exportResponse(encoding, parsed.rejected + overflow, why);
  };

  const server = createServer((request, response) => {
    receive(request).then(
      (answer) => send(response, answer),
      // The client went away within its own request: there is nobody to answer.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;

  let closing: Promise<void> | undefined;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    spans: () => spans.slice(),
    rejected: () => rejected,
    waitFor: (condition, { timeoutMs = 10_000 } = {}) => {
      if (closing !== undefined) return Promise.reject(new Error('the collector is closed'));
      return wait(condition, timeoutMs, spans, waiters);
    },
    close: () => {
      closing ??= new Promise<void>((resolve) => {
        for (const waiter of waiters) waiter.fail(new Error('the collector was closed while it waited for spans'));
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}

function encodingOf(request: IncomingMessage): OtlpEncoding | undefined {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/json') return 'json';
  return type === 'application/x-protobuf' ? 'protobuf' : undefined;
}

/** The body, or `undefined` once it is known to be too large; what is left of it is then not read. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return undefined;
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      request.pause();
      resolve(undefined);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the request was aborted')));
  });
}

async function inflate(
  body: Buffer,
  maxOutputLength: number,
): Promise<{ bytes: Buffer } | { status: 400 | 413; message: string }> {
  try {
    return { bytes: await decompress(body, { maxOutputLength }) };
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    return tooLarge
      ? { status: 413, message: `the body is larger than ${maxOutputLength} bytes` }
      : { status: 400, message: 'the body is not gzip' };
  }
}

function send(response: ServerResponse, { status, contentType, body }: OtlpResponse): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': body.length,
    ...(status === 405 ? { allow: 'POST' } : {}),
    // A body that was not read to its end leaves the connection unusable for the next request.
    ...(status === 200 || status === 400 ? {} : { connection: 'close' }),
  });
  response.end(body);
}

function wait(
  condition: WaitCondition,
  timeoutMs: number,
  spans: readonly CollectedSpan[],
  waiters: Set<Waiter>,
): Promise<readonly CollectedSpan[]> {
  return new Promise((resolve, reject) => {
    let quiet: NodeJS.Timeout | undefined;
    let seen = -1;
    const settle = (how: () => void): void => {
      waiters.delete(waiter);
      clearTimeout(quiet);
      clearTimeout(deadline);
      how();
    };
    const waiter: Waiter = {
      check() {
        if (typeof condition === 'function') {
          try {
            if (condition(spans.slice())) settle(() => resolve(spans.slice()));
          } catch (error) {
            settle(() => reject(error));
          }
        } else if (spans.length > 0 && spans.length !== seen) {
          seen = spans.length;
          clearTimeout(quiet);
          quiet = setTimeout(() => settle(() => resolve(spans.slice())), condition.quietMs);
        }
      },
      fail: (error) => settle(() => reject(error)),
    };
    const deadline = setTimeout(
      () => waiter.fail(new Error(`waited ${timeoutMs} ms for spans; ${spans.length} came`)),
      timeoutMs,
    );
    waiters.add(waiter);
    waiter.check();
  });
}
