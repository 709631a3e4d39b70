import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
export const SPAN_ID = 'b7ad6b7169203331';
export const TRACEPARENT: string = `00-${TRACE_ID}-${SPAN_ID}-01`;

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Served {
  readonly port: number;
  /** Sends a request on a connection of its own, and resolves once both its ends are done with it. */
  ask(path: string, options?: { method?: string; headers?: http.OutgoingHttpHeaders; body?: string }): Promise<Answer>;
  /** Sends bytes as they are, and resolves with all that comes back. */
  askRaw(request: string): Promise<string>;
  /** Resolves once every response that was begun has closed. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Serves an application on a port of its own. */
export async function serve(app: FastifyInstance): Promise<Served> {
  const open = new Set<Promise<unknown>>();
  app.server.prependListener('request', (_req, res: http.ServerResponse) => {
    const closed = once(res, 'close').finally(() => open.delete(closed));
    open.add(closed);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const settled = async (): Promise<void> => {
    while (open.size > 0) await Promise.all(open);
  };
  return {
    port,
    async ask(path, { method = 'GET', headers = {}, body } = {}) {
      const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent: false });
      request.end(body);
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      await settled();
      return { status: response.statusCode ?? 0, headers: response.headers, body: text };
    },
    async askRaw(request) {
      const socket = net.connect(port, '127.0.0.1');
      socket.write(request);
      let text = '';
      for await (const chunk of socket.setEncoding('latin1')) text += chunk;
      await settled();
      return text;
    },
    settled,
    async close() {
      app.server.closeAllConnections();
      await app.close();
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
