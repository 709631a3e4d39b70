import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the server saw of a request. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface EchoServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly port: number;
  /** The requests so far, in the order in which their bodies ended. */
  readonly seen: Echo[];
  close(): Promise<void>;
}

/**
 * Starts an HTTP server on loopback that answers with what it saw, as JSON. `/status/503` answers with that status,
 * `/redirect` leads to `?to=`, else to `/landed`, `/redirect-to-503` to `/status/503`, `/hang` never answers, `/stream` sends headers and one chunk and keeps the body open,
 * `/drop` closes the connection, `/flaky` answers 503 to the first request for it, `/upgrade` switches protocols.
 */
export async function startEchoServer(): Promise<EchoServer> {
  const seen: Echo[] = [];
  let flaky = 0;
  const answer = (request: IncomingMessage, response: ServerResponse, echo: Echo): void => {
    const path = echo.url.split('?')[0] ?? '';
    if (path === '/hang') return;
    if (path === '/drop') return void request.socket.destroy();
    if (path === '/stream') return void response.write('first');
    if (path === '/redirect') {
      const location = new URL(echo.url, 'http://localhost').searchParams.get('to') ?? '/landed';
      return void response.writeHead(302, { location }).end();
    }
    if (path === '/redirect-to-503') return void response.writeHead(302, { location: '/status/503' }).end();
    const status = /^\/status\/(\d+)$/.exec(path)?.[1] ?? (path === '/flaky' && flaky++ === 0 ? '503' : '200');
    response.writeHead(Number(status), { 'content-type': 'application/json' }).end(JSON.stringify(echo));
  };
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const echo: Echo = { method: request.method ?? '', url: request.url ?? '', rawHeaders: request.rawHeaders, body };
      seen.push(echo);
      answer(request, response, echo);
    });
  });
  server.on('upgrade', (request, socket) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', rawHeaders: request.rawHeaders, body: '' });
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The values under a header name, in any letter case, each as it stood on the wire. */
export function sent({ rawHeaders }: Pick<Echo, 'rawHeaders'>, name: string): string[] {
  const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
  // The user's baggage alone: lineage goes where trace context goes.
  if (name !== 'baggage') return values;
  return values.map((value) => value.replace(/^throughline\.lineage=[^,]*,?/, '')).filter((value) => value !== '');
}

/** A port on loopback at which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = await startEchoServer();
  await server.close();
  return server.port;
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const key of Reflect.ownKeys(value)) deepFreeze((value as Record<PropertyKey, unknown>)[key]);
  return value;
}
