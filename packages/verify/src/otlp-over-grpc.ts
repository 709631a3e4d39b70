import { constants, createServer } from 'node:http2';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { finished } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import type { KeptSpans } from './kept-spans.ts';
import { parseOtlpProtobuf } from './otlp-protobuf.ts';
import { exportResponse } from './otlp-response.ts';
import { type BodyLimits, readBody } from './request-body.ts';

const SERVICE = /^\/opentelemetry\.proto\.collector\.(?<signal>trace|metrics|logs)\.v1\.\w+Service\/Export$/;
/** How many calls one connection may have open. */
const MAX_STREAMS = 100;
/** Before each message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/** https://grpc.io/docs/guides/status-codes/ */
const OK = 0;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;

type Answer = { readonly message: Buffer } | { readonly code: number; readonly why: string };

/**
 * Returns a server, which nothing connects to yet, that takes OTLP over gRPC: one message a call, plain and gzip. Metrics and logs are
 * accepted and dropped. A body that is too large is answered with RESOURCE_EXHAUSTED, which senders do not repeat; too many at once
 * with UNAVAILABLE, which they do.
 *
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 * https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
 */
export function otlpOverGrpc(kept: KeptSpans, limits: BodyLimits, requestTimeoutMs: number): Http2Server {
  const server = createServer({ settings: { maxConcurrentStreams: MAX_STREAMS } });
  const framed = { ...limits, maxBytes: limits.maxBytes + PREFIX_BYTES };

  const receive = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<Answer> => {
    const signal = SERVICE.exec(headers[':path'] ?? '')?.groups?.['signal'];
    if (signal === undefined) return failure(UNIMPLEMENTED, 'nothing is served here but OTLP: TraceService/Export');
    if (signal !== 'trace') {
      stream.resume();
      await finished(stream, { writable: false });
      return { message: Buffer.alloc(0) };
    }
    let taken = false;
    try {
      const answer = await receiveSpans(stream, headers);
      taken = 'message' in answer;
      return answer;
    } finally {
      if (!taken) kept.refuse();
    }
  };

  const receiveSpans = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<Answer> => {
    const body = await readBody(stream, 'identity', framed, Number(headers['content-length'] ?? 0));
    if (!Buffer.isBuffer(body)) return failure(body.status === 413 ? RESOURCE_EXHAUSTED : UNAVAILABLE, body.message);
    const message = unframed(body, headers['grpc-encoding'] ?? 'identity', limits.maxBytes);
    if (!Buffer.isBuffer(message)) return message;
    const parsed = parseOtlpProtobuf(message);
    if (parsed.malformed !== undefined) return failure(INVALID_ARGUMENT, parsed.malformed);
    const { rejected, why } = kept.add(parsed);
    return { message: exportResponse('protobuf', rejected, why).body };
  };

  server.on('stream', (stream, headers) => {
    // A reset by the client comes as one: there is nobody to answer.
    stream.on('error', () => {});
    if (!(headers['content-type'] ?? '').startsWith('application/grpc')) {
      stream.respond({ ':status': 415 }, { endStream: true });
      return stream.close();
    }
    const deadline = setTimeout(
      () => send(stream, failure(DEADLINE_EXCEEDED, `the request did not arrive within ${requestTimeoutMs} ms`)),
      requestTimeoutMs,
    );
    stream.once('close', () => clearTimeout(deadline));
    receive(stream, headers).then(
      (answer) => send(stream, answer),
      () => stream.destroy(),
    );
  });
  server.on('sessionError', () => {});
  return server;
}

function failure(code: number, why: string): Answer {
  return { code, why };
}

/** Returns the one message of a body, decompressed, or why it is none. */
function unframed(body: Buffer, encoding: string | string[], maxBytes: number): Buffer | Answer {
  const isWhole = body.length >= PREFIX_BYTES && body.readUInt32BE(1) === body.length - PREFIX_BYTES;
  if (!isWhole) return failure(INVALID_ARGUMENT, 'the body is not one message of gRPC');
  const message = body.subarray(PREFIX_BYTES);
  if (body[0] === 0) return message;
  if (encoding !== 'gzip') return failure(UNIMPLEMENTED, 'grpc-encoding must be gzip or identity');
  try {
    return gunzipSync(message, { maxOutputLength: maxBytes });
  } catch (error) {
    return error instanceof RangeError
      ? failure(RESOURCE_EXHAUSTED, `the body is larger than ${maxBytes} bytes`)
      : failure(INVALID_ARGUMENT, 'the body is not gzip');
  }
}

function send(stream: ServerHttp2Stream, answer: Answer): void {
  if (stream.headersSent || stream.destroyed) return;
  const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity,gzip' };
  if ('code' in answer) {
    const { code, why } = answer;
    stream.respond(
      { ...headers, 'grpc-status': String(code), 'grpc-message': encodeURIComponent(why) },
      { endStream: true },
    );
    // Tells a sender who still sends to stop, and that it is no failure of the connection.
    if (!stream.readableEnded) stream.resume().close(constants.NGHTTP2_NO_ERROR);
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(OK) }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(answer.message.length, 1);
  stream.end(Buffer.concat([prefix, answer.message]));
}
