import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { traceOfHeaders } from './answered-trace.ts';
import { rawHeaders } from './raw-headers.ts';
import type { Answer, Answered } from './target.ts';

export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  /** Names and values, repeated ones too, whatever a value holds. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string | undefined;
  readonly timeoutMs: number;
}

const BODY_BYTES = 256 * 1024;
/** How long a body is read that does not end, as a stream of events does not. */
const BODY_MS = 1000;

/** Sends a request on a connection of its own, and follows no redirect. Resolves with what came of it, and never rejects. */
export function exchange({ url, method, headers, body, timeoutMs }: HttpRequest): Promise<Answer> {
  return new Promise((resolve) => {
    let isConnected = false;
    const raw = rawHeaders();
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const lines = [
      ['host', url.host],
      ...headers,
      ...(bytes === undefined ? [] : [['content-length', `${bytes.length}`]]),
    ];
    const deadline = setTimeout(
      () => settle({ kind: isConnected ? 'silent' : 'unreachable', reason: 'no connection in time' }),
      timeoutMs,
    );
    let sent: ClientRequest | undefined;
    const settle = (answer: Answer): void => {
      clearTimeout(deadline);
      resolve(answer);
      sent?.destroy();
    };
    const failed = (error: NodeJS.ErrnoException): void => {
      const reason = error.code ?? error.message;
      settle(isConnected ? { kind: 'cut', reason } : { kind: 'unreachable', reason });
    };
    try {
      sent = request({
        method,
        path: `${url.pathname}${url.search}`,
        headers: lines.flatMap(([name = '', value = '']) => [name, raw.standIn(inBytes(value))]),
        createConnection: () => {
          const socket = connectTo(url, () => (isConnected = true));
          socket.on('error', failed);
          return raw.through(socket);
        },
      });
    } catch (error) {
      failed(error as Error);
      return;
    }
    sent.on('error', failed);
    sent.on('response', (response) => {
      clearTimeout(deadline);
      void readBody(response).then((text) => settle(answerOf(response, text)));
    });
    sent.end(bytes);
  });
}

function connectTo(url: URL, connected: () => void): Socket {
  // Brackets are of URLs alone.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol === 'https:') {
    const port = Number(url.port || 443);
    return connectTls({ host, port, ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }) }, connected);
  }
  return connect({ host, port: Number(url.port || 80) }, connected);
}

/** Returns text so that the client, which writes a byte a character, writes UTF-8. */
function inBytes(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}

function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const done = (): void => {
      clearTimeout(patience);
      resolve(Buffer.concat(chunks).toString('utf8'));
    };
    const patience = setTimeout(done, BODY_MS);
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= BODY_BYTES) chunks.push(chunk);
      else done();
    });
    response.on('close', done);
    response.on('error', done);
  });
}

function answerOf({ statusCode = 0, rawHeaders: raw }: IncomingMessage, text: string): Answered {
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) headers.push([raw[at] as string, raw[at + 1] as string]);
  return {
    kind: 'answered',
    status: `${statusCode}`,
    served: servedBy(statusCode),
    trace: traceOfHeaders(headers),
    headers,
    text,
  };
}

function servedBy(statusCode: number): Answered['served'] {
  if (statusCode === 429) return 'limited';
  if (statusCode >= 500) return 'failed';
  return statusCode >= 400 ? 'refused' : 'yes';
}
