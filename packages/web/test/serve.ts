import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import type { WebHandler } from '../src/index.ts';

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
export const SPAN_ID = 'b7ad6b7169203331';
export const TRACEPARENT: string = `00-${TRACE_ID}-${SPAN_ID}-01`;

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string;
  /** Goes away once the first bytes of the body are there, or as soon as the handler has been reached. */
  readonly leave?: 'at the first bytes' | Promise<unknown>;
}

export interface Served {
  readonly port: number;
  readonly url: string;
  /** Sends a request on a connection of its own, and resolves once both its ends are done with it. */
  ask(path: string, asking?: Asking): Promise<Answer>;
  /** Resolves once every response that was begun has closed. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Serves a web handler by `@hono/node-server`, which puts a Request and a Response of its own in place of the global ones, or not. */
export function serveWeb(handler: WebHandler, overrideGlobalObjects: boolean = true): Promise<Served> {
  return serve(getRequestListener(handler, { overrideGlobalObjects }));
}

/** Serves a listener of Node's on a port of its own. */
export async function serve(listener: http.RequestListener): Promise<Served> {
  const open = new Set<Promise<unknown>>();
  const server = http.createServer((req, res) => {
    const closed = once(res, 'close').finally(() => open.delete(closed));
    open.add(closed);
    listener(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const settled = async (): Promise<void> => {
    while (open.size > 0) await Promise.all(open);
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async ask(path, { method = 'GET', headers = {}, body, leave } = {}) {
      const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent: false });
      request.end(body);
      if (leave instanceof Promise) {
        request.on('error', () => {});
        await leave;
        request.destroy();
        await settled();
        return { status: 0, headers: {}, body: '' };
      }
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      let text = '';
      try {
        for await (const chunk of response.setEncoding('utf8')) {
          text += chunk;
          if (leave !== undefined) break;
        }
      } catch {
        // The server broke it off.
      }
      await settled();
      return { status: response.statusCode ?? 0, headers: response.headers, body: text };
    },
    settled,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The one span that has ended since the last reset. */
export function onlySpan(telemetry: Telemetry): ReadableSpan {
  const spans = telemetry.spans();
  const [span] = spans;
  if (span === undefined || spans.length !== 1)
    throw new Error(`one span was expected, there are: ${spans.map(({ name }) => name).join(', ') || '(none)'}`);
  return span;
}
