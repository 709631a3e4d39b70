import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { INJECTED } from './cases/baggage-cases.ts';
import { isLoopback } from './loopback.ts';

/** What stands for the URL of the callback in a request. */
export const CALLBACK = '{{callback}}';

/** What came to the callback. */
export interface CallbackSeen {
  /** As it came; repeated ones joined by commas. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly baggage?: string | undefined;
  /** It holds a header that decoded baggage made. */
  readonly isInjected: boolean;
}

/** Plays the service that the target calls. */
export interface Callback {
  urlFor(key: string): string;
  /** What came for this request, in the order of arrival. */
  seen(key: string): readonly CallbackSeen[];
  close(): Promise<void>;
}

const CALLS_A_KEY = 8;

/**
 * Starts a server that says yes to everything and keeps what context came with it. It listens on loopback, and on all interfaces where the
 * host, by which the target knows it, is another.
 */
export async function startCallback(host: string): Promise<Callback> {
  const calls = new Map<string, CallbackSeen[]>();
  // Targets pass on headers that are too large for others.
  const server = createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    const key = (request.url ?? '').split(/[/?]/, 2)[1] ?? '';
    const known = calls.get(key);
    if (known !== undefined && known.length < CALLS_A_KEY) known.push(seenIn(request));
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, isLoopback(host) ? '127.0.0.1' : undefined, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    urlFor(key) {
      calls.set(key, []);
      return `http://${host.includes(':') ? `[${host}]` : host}:${port}/${key}`;
    },
    seen: (key) => calls.get(key) ?? [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function seenIn({ headersDistinct }: IncomingMessage): CallbackSeen {
  const all = (name: string): string | undefined => inUtf8(headersDistinct[name]?.join(','));
  return {
    traceparent: all('traceparent'),
    tracestate: all('tracestate'),
    baggage: all('baggage'),
    isInjected: headersDistinct[INJECTED] !== undefined,
  };
}

/** Node reads a character a byte. */
function inUtf8(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'latin1').toString('utf8');
}
