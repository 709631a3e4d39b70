import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';
import { byteBudget } from './byte-budget.ts';
import { parseOtlpJsonBody } from './otlp-json.ts';
import type { ParsedSpans } from './parsing.ts';
import { parseOtlpProtobuf } from './otlp-protobuf.ts';
import { type OtlpEncoding, type OtlpResponse, exportResponse, failureResponse } from './otlp-response.ts';
import { REQUEST_BYTES, readBody } from './request-body.ts';
import { sizeOfAttributes, sizeOfScope, sizeOfSpan } from './span-size.ts';
import type { CollectedSpan } from './span.ts';

export interface CollectorOptions {
  /** Where to listen; `127.0.0.1` by default, which no other machine reaches. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
  /** The largest body, in bytes, before and after decompression; 8 MiB by default. */
  readonly maxBodyBytes?: number;
  /**
   * Bytes of all bodies that are being received, 64 MiB by default. Past it, the sender who has been silent for longest is told
   * to come again, with 503.
   */
  readonly maxInFlightBytes?: number;
  /** How many spans are kept, 200,000 by default; what comes later is rejected and counted. */
  readonly maxSpans?: number;
  /** About how many bytes of memory the kept spans may take, 256 MiB by default; what comes later is rejected and counted. */
  readonly maxKeptBytes?: number;
  /** How many milliseconds a request may take to arrive, 30,000 by default; a third of that for its headers. */
  readonly requestTimeoutMs?: number;
}

/** Enough spans for the caller, or none more for a while, with at least one there. */
export type WaitCondition = ((spans: readonly CollectedSpan[]) => boolean) | { readonly quietMs: number };

export interface Collector {
  /** The value for `OTEL_EXPORTER_OTLP_ENDPOINT`; spans go to `/v1/traces` under it. */
  readonly url: string;
  /** The spans that came so far, in the order of arrival. */
  spans(): readonly CollectedSpan[];
  /** How many spans were refused one by one: without valid ids or times, or past `maxSpans` or `maxKeptBytes`. */
  rejected(): number;
  /**
   * How many exports of spans were not taken at all: too large, malformed, cut off, or past `maxInFlightBytes`. How many spans they
   * held, and whether their senders came again, nobody knows.
   */
  refused(): number;
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

const TRACES = '/v1/traces';
const SIGNALS = new Set([TRACES, '/v1/metrics', '/v1/logs']);

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
  const { host = '127.0.0.1', port = 0, ...limits } = options;
  const { maxBodyBytes, maxInFlightBytes, maxSpans, maxKeptBytes, requestTimeoutMs } = checkedLimits(limits);
  const spans: CollectedSpan[] = [];
  const waiters = new Set<Waiter>();
  const bodyLimits = { maxBytes: maxBodyBytes, budget: byteBudget(maxInFlightBytes) };
  let keptBytes = 0;
  let rejected = 0;
  let refused = 0;

  const receive = async (request: IncomingMessage): Promise<OtlpResponse> => {
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const known = encodingOf(request);
    const encoding = known ?? 'json';
    if (!SIGNALS.has(path)) return failureResponse(encoding, 404, 'nothing is served here but OTLP, at /v1/traces');
    if (request.method !== 'POST') return failureResponse(encoding, 405, 'only POST is served');
    if (path !== TRACES) return dropped(request, encoding);
    let taken = false;
    try {
      const answer = await receiveSpans(request, known);
      taken = answer.status === 200;
      return answer;
    } finally {
      if (!taken) refused++;
    }
  };

  const receiveSpans = async (request: IncomingMessage, known: OtlpEncoding | undefined): Promise<OtlpResponse> => {
    const encoding = known ?? 'json';
    if (known === undefined) {
      return failureResponse(encoding, 415, 'content-type must be application/json or application/x-protobuf');
    }
    const compression = request.headers['content-encoding'] ?? 'identity';
    if (compression !== 'identity' && compression !== 'gzip') {
      return failureResponse(encoding, 415, 'content-encoding must be gzip or identity');
    }
    const body = await readBody(request, compression, bodyLimits);
    if (!Buffer.isBuffer(body)) return failureResponse(encoding, body.status, body.message);
    const parsed = encoding === 'json' ? parseOtlpJsonBody(body) : parseOtlpProtobuf(body);
    if (parsed.malformed !== undefined) return failureResponse(encoding, 400, parsed.malformed);
    return keep(encoding, parsed);
  };

  const keep = (encoding: OtlpEncoding, parsed: ParsedSpans): OtlpResponse => {
    let overflow = 0;
    let resource: CollectedSpan['resource'] | undefined;
    let scope: CollectedSpan['scope'] | undefined;
    // Measured once each, and counted with the first span that is kept: a thousand spans may share a large one.
    let sharedBytes = 0;
    for (const span of parsed.spans) {
      if (span.resource !== resource) sharedBytes = sizeOfAttributes((resource = span.resource));
      if (span.scope !== scope) sharedBytes += sizeOfScope((scope = span.scope));
      const bytes = sizeOfSpan(span) + sharedBytes;
      if (spans.length >= maxSpans || keptBytes + bytes > maxKeptBytes) {
        overflow++;
        continue;
      }
      sharedBytes = 0;
      keptBytes += bytes;
      spans.push(span);
    }
    rejected += parsed.rejected + overflow;
    for (const waiter of waiters) waiter.check();
    const full = spans.length >= maxSpans ? `${maxSpans} spans` : `${maxKeptBytes} bytes of spans`;
    const why = overflow > 0 ? `the collector holds its ${full}` : 'spans without valid ids or times';
    return exportResponse(encoding, parsed.rejected + overflow, why);
  };

  const timeouts = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.ceil(requestTimeoutMs / 3),
    // How often Node looks; every 30 seconds, unless it is told.
    connectionsCheckingInterval: Math.min(1000, requestTimeoutMs),
  };
  const server = createServer(timeouts, (request, response) => {
    receive(request).then(
      (answer) => send(request, response, answer),
      // The client went away within its own request: there is nobody to answer.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    // Stays: an accept that fails later, for want of file descriptors, costs that connection and no more.
    server.on('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;

  let closing: Promise<void> | undefined;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    spans: () => spans.slice(),
    rejected: () => rejected,
    refused: () => refused,
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

const MIB = 1024 * 1024;

/** Returns the limits with their defaults. Throws where one is no positive integer, or makes another useless. */
function checkedLimits(given: Omit<CollectorOptions, 'host' | 'port'>): Required<typeof given> {
  const {
    maxBodyBytes = 8 * MIB,
    maxInFlightBytes = Math.max(64 * MIB, 8 * maxBodyBytes),
    maxSpans = 200_000,
    maxKeptBytes = 256 * MIB,
  } = given;
  const limits = {
    maxBodyBytes,
    maxInFlightBytes,
    maxSpans,
    maxKeptBytes,
    requestTimeoutMs: given.requestTimeoutMs ?? 30_000,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`\`${name}\` must be an integer above 0`);
  }
  const least = maxBodyBytes + REQUEST_BYTES;
  if (maxInFlightBytes < least) {
    throw new RangeError(
      `\`maxInFlightBytes\` must be at least ${least}, which is what one body of \`maxBodyBytes\` takes`,
    );
  }
  return limits;
}

function encodingOf(request: IncomingMessage): OtlpEncoding | undefined {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/json') return 'json';
  return type === 'application/x-protobuf' ? 'protobuf' : undefined;
}

/** Reads metrics and logs to their end, and keeps nothing of them. */
async function dropped(request: IncomingMessage, encoding: OtlpEncoding): Promise<OtlpResponse> {
  request.resume();
  await finished(request);
  return exportResponse(encoding, 0, '');
}

/** How long a sender that was refused has to stop sending: it reads the answer after that, and a reset would take it away. */
const LINGER_MS = 1000;

function send(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: OtlpResponse): void {
  const { complete } = request;
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': body.length,
    ...(status === 405 ? { allow: 'POST' } : {}),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
    ...(complete ? {} : { connection: 'close' }),
  });
  if (complete) {
    response.end(body);
    return;
  }
  response.write(body);
  const deadline = setTimeout(() => request.destroy(), LINGER_MS);
  request.resume().once('close', () => {
    clearTimeout(deadline);
    response.end();
  });
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
