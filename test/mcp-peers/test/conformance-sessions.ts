import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventStore } from './conformance-content.ts';

interface Transport {
  readonly sessionId?: string | undefined;
  onclose?: (() => void) | undefined;
  handleRequest(request: never, response: ServerResponse, body: unknown): Promise<void>;
}

type Handle = (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void>;

/** Serves each session with a transport of its own, and sends away who names a session that there is not. */
export function sessions<T extends Transport>(
  Transport: new (options: never) => T,
  connect: (transport: T) => Promise<void>,
): Handle {
  const open = new Map<string, T>();
  return async (request, response, body) => {
    const id = request.headers['mcp-session-id'];
    let transport = typeof id === 'string' ? open.get(id) : undefined;
    if (transport === undefined && id !== undefined) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null }));
      return;
    }
    if (transport === undefined) {
      const options = {
        sessionIdGenerator: randomUUID,
        eventStore: eventStore(),
        retryInterval: 500,
        onsessioninitialized: (made: string) => void open.set(made, transport as T),
      };
      transport = new Transport(options as never);
      transport.onclose = () => void open.delete(transport?.sessionId ?? '');
      await connect(transport);
    }
    await transport.handleRequest(request as never, response, body);
  };
}

/** Says on which port it listens. */
export function listen(app: { listen(port: number, host: string, listening: () => void): Server }): void {
  const http = app.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${(http.address() as AddressInfo).port}\n`);
  });
}
