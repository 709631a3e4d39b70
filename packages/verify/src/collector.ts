import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { byteBudget } from './byte-budget.ts';
import { keptSpans } from './kept-spans.ts';
import { otlpOverGrpc } from './otlp-over-grpc.ts';
import { otlpOverHttp } from './otlp-over-http.ts';
import { REQUEST_BYTES } from './request-body.ts';
import type { CollectedSpan } from './span.ts';
import { takeHttp2 } from './take-http2.ts';
import type { WaitCondition } from './wait-for-spans.ts';

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

export interface Collector {
  /** The value for `OTEL_EXPORTER_OTLP_ENDPOINT`, whatever `OTEL_EXPORTER_OTLP_PROTOCOL` is: one port takes HTTP and gRPC. */
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
   * The longest that a span was on its way: from its end until it came, as far as clocks tell. Who still exports may take as long with the
   * next ones.
   */
  longestWaitMs(): number;
  /**
   * Resolves with the spans once the condition holds. Rejects after `timeoutMs` (10,000 by default), on `close()`, and
   * with what the condition throws.
   */
  waitFor(condition: WaitCondition, options?: { readonly timeoutMs?: number }): Promise<readonly CollectedSpan[]>;
  /** Stops listening, ends every connection, and resolves when that is done. The spans stay readable. */
  close(): Promise<void>;
}

/**
 * Starts an OTLP endpoint that keeps every span it is sent. One port takes HTTP with JSON and with protobuf, and gRPC; plain and
 * gzip. Metrics and logs are accepted and dropped. It never writes to stdout or stderr.
 *
 * Follows https://opentelemetry.io/docs/specs/otlp/
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
  const kept = keptSpans({ maxSpans, maxKeptBytes });
  const bodyLimits = { maxBytes: maxBodyBytes, budget: byteBudget(maxInFlightBytes) };
  const timeouts = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.ceil(requestTimeoutMs / 3),
    // How often Node looks; every 30 seconds, unless it is told.
    connectionsCheckingInterval: Math.min(1000, requestTimeoutMs),
  };
  const server = createServer(timeouts, otlpOverHttp(kept, bodyLimits));
  const sockets = takeHttp2(server, otlpOverGrpc(kept, bodyLimits, requestTimeoutMs), timeouts.headersTimeout);
  await new Promise<void>((resolve, reject) => {
    // Stays: an accept that fails later, for want of file descriptors, costs that connection and no more.
    server.on('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;

  let closing: Promise<void> | undefined;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    spans: kept.spans,
    rejected: kept.rejected,
    refused: kept.refused,
    longestWaitMs: kept.longestWaitMs,
    waitFor: (condition, { timeoutMs = 10_000 } = {}) => kept.waitFor(condition, timeoutMs),
    close: () => {
      closing ??= new Promise<void>((resolve) => {
        kept.close();
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
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
