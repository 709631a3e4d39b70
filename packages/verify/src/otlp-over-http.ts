import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import type { KeptSpans } from './kept-spans.ts';
import { parseOtlpJsonBody } from './otlp-json.ts';
import { parseOtlpProtobuf } from './otlp-protobuf.ts';
import { type OtlpEncoding, type OtlpResponse, exportResponse, failureResponse } from './otlp-response.ts';
import { type BodyLimits, readBody } from './request-body.ts';

const TRACES = '/v1/traces';
const SIGNALS = new Set([TRACES, '/v1/metrics', '/v1/logs']);

/**
 * Returns a listener that takes OTLP over HTTP, as JSON and protobuf, plain and gzip. Metrics and logs are accepted and dropped.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export function otlpOverHttp(kept: KeptSpans, limits: BodyLimits): RequestListener {
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
      if (!taken) kept.refuse();
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
    const length = Number(request.headers['content-length'] ?? 0);
    const body = await readBody(request, compression, limits, length);
    if (!Buffer.isBuffer(body)) return failureResponse(encoding, body.status, body.message);
    const parsed = encoding === 'json' ? parseOtlpJsonBody(body) : parseOtlpProtobuf(body);
    if (parsed.malformed !== undefined) return failureResponse(encoding, 400, parsed.malformed);
    const { rejected, why } = kept.add(parsed);
    return exportResponse(encoding, rejected, why);
  };

  return (request, response) => {
    receive(request).then(
      (answer) => send(request, response, answer),
      // The client went away within its own request: there is nobody to answer.
      () => response.destroy(),
    );
  };
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
