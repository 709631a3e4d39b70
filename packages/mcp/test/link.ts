import { fileURLToPath } from 'node:url';
import { traceClient, traceConnection, traceServer } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { host } from './http-host.ts';
import type { Sdk, TestClient, Tool } from './sdk.ts';

export const stdioServer: string = fileURLToPath(new URL('./services/stdio-server.ts', import.meta.url));

/** How a client reaches a server. Over stdio the server is a process of its own, with tools of its own. */
export type Via = 'memory' | 'stdio' | 'Streamable HTTP';

/** A traced client that is connected to a traced server. */
export interface Link {
  readonly client: TestClient;
  /** Requests that are not answered yet, at both ends; over stdio at the client's. */
  inFlight(): number;
  close(): Promise<void>;
}

export interface LinkOptions {
  readonly tools?: Record<string, Tool>;
  readonly client?: McpOptions;
  /** Over stdio what JSON can hold. */
  readonly server?: McpOptions;
  /** Whether both ends are traced once they are connected; not over stdio. */
  readonly inPlace?: boolean;
  /** Called with the client before it connects. */
  readonly prepare?: (client: TestClient) => void;
}

/** Connects a client and a server of one SDK. SDK v2's HTTP server is its entry for both eras where the client is modern. */
export async function link(sdk: Sdk, via: Via, options: LinkOptions = {}): Promise<Link> {
  const { tools = {}, prepare, inPlace = false } = options;
  const client = inPlace ? sdk.client() : traceClient(sdk.client(), options.client);
  prepare?.(client);
  const ends: (() => unknown)[] = [() => client.transport];
  const inFlight = (): number =>
    ends.reduce((sum, end) => sum + ((end() as { [inFlightKey]?: number } | undefined)?.[inFlightKey] ?? 0), 0);
  switch (via) {
    case 'memory': {
      const server = inPlace ? sdk.server(tools) : traceServer(sdk.server(tools), options.server);
      const [near, far] = sdk.memory();
      await server.connect(far as never);
      await client.connect(near as never);
      if (inPlace) {
        traceConnection(server, options.server);
        traceConnection(client, options.client);
      }
      ends.push(() => server.server.transport);
      return { client, inFlight, close: () => client.close() };
    }
    case 'stdio':
      await client.connect(sdk.stdio(stdioServer, [sdk.key, JSON.stringify(options.server ?? {})]) as never);
      return { client, inFlight, close: () => client.close() };
    case 'Streamable HTTP': {
      const served = await host(sdk, sdk.key === 'v2-modern' ? 'handler' : 'session', tools, options.server);
      await client.connect(sdk.http(served.url) as never);
      ends.push(...served.transports.map((end) => () => end));
      return {
        client,
        inFlight,
        async close() {
          await client.close();
          await served.close();
        },
      };
    }
  }
}
