import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { formatOtlpJson, parseOtlpProtobuf } from '@throughline/verify';

/** Takes what exporters send, and keeps it as it came. */
export interface Receiver {
  readonly url: string;
  /** Each export: OTLP as text in JSON, what came as protobuf written in it, and lists of Zipkin. */
  readonly exports: readonly string[];
  close(): void;
}

/** Starts a receiver of OTLP over HTTP at `/v1/traces`, and of Zipkin at `/api/v2/spans`. */
export async function startReceiver(): Promise<Receiver> {
  const exports: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await take(request);
    if (text !== undefined) exports.push(text);
    const isJson = request.headers['content-type']?.includes('json') === true;
    response.writeHead(request.url === '/api/v2/spans' ? 202 : 200, {
      'content-type': isJson ? 'application/json' : 'application/x-protobuf',
    });
    response.end(isJson ? '{}' : '');
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    exports,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function take(request: IncomingMessage): Promise<string | undefined> {
  const sent = await buffer(request);
  const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
  if (request.url !== '/v1/traces' && request.url !== '/api/v2/spans') return undefined;
  if (request.headers['content-type']?.includes('json') === true) return body.toString('utf8');
  return formatOtlpJson(parseOtlpProtobuf(body).spans);
}
