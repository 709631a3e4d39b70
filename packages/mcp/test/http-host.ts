import { toNodeHandler, NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { traceConnection, traceServer } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { v1, v2 } from './sdk.ts';
import type { Sdk, TestServer, Tool } from './sdk.ts';

/** How a server is hosted: a transport for each request, for each session, or v2's own entry for both eras. */
export type Hosting = 'stateless' | 'session' | 'handler';

/** Every SDK line in every hosting that it has. */
export const everyHosting: { sdk: Sdk; hosting: Hosting; title: string }[] = (
  [
    [v1, 'stateless'],
    [v1, 'session'],
    [v2(), 'session'],
    [v2(), 'handler'],
    [v2(true), 'handler'],
  ] as const
).map(([sdk, hosting]) => ({ sdk, hosting, title: `${sdk.name}, ${hosting}` }));

export interface HttpHost {
  readonly url: URL;
  /** The traced transports that were connected. */
  readonly transports: object[];
  readonly http: Server;
  close(): Promise<void>;
}

export interface HostOptions extends McpOptions {
  /** Stands around each HTTP request, as another instrumentation would. */
  readonly around?: (request: IncomingMessage, handle: () => Promise<void>) => Promise<void>;
  /** Answers as JSON, where the transport would open a stream of events. */
  readonly json?: boolean;
  /** Traces each server once it is connected. v2's own entry hides its transport. */
  readonly inPlace?: boolean;
}

type NodeHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Serves traced servers with these tools on a real port of the loopback interface. */
export async function host(
  sdk: Sdk,
  hosting: Hosting,
  tools: Record<string, Tool>,
  { around, json = false, inPlace = false, ...options }: HostOptions = {},
): Promise<HttpHost> {
  const transports: object[] = [];
  const make = (): TestServer => (inPlace ? sdk.server(tools) : traceServer(sdk.server(tools), options));
  const connected = async (transport: object): Promise<TestServer> => {
    const server = make();
    await server.connect(transport as never);
    if (inPlace) traceConnection(server, options);
    transports.push(server.server.transport as object);
    return server;
  };
  const Transport = sdk.key === 'v1' ? StreamableHTTPServerTransport : NodeStreamableHTTPServerTransport;
  const sessions = new Map<string, InstanceType<typeof Transport>>();

  const handlers: Record<Hosting, () => NodeHandler> = {
    stateless: () => async (request, response) => {
      const transport = new Transport({ enableJsonResponse: json });
      const server = await connected(transport);
      response.on('close', () => void server.close());
      await transport.handleRequest(request, response);
    },
    session: () => async (request, response) => {
      const id = request.headers['mcp-session-id'];
      let transport = typeof id === 'string' ? sessions.get(id) : undefined;
      if (transport === undefined) {
        transport = new Transport({ sessionIdGenerator: randomUUID, enableJsonResponse: json });
        await connected(transport);
      }
      await transport.handleRequest(request, response);
      if (transport.sessionId !== undefined) sessions.set(transport.sessionId, transport);
    },
    handler: () => {
      const handle = toNodeHandler(createMcpHandler(make as never));
      return (request, response) => handle(request as never, response);
    },
  };
  const handle = handlers[hosting]();
  const http = createServer((request, response) => {
    const run = (): Promise<void> => handle(request, response);
    void (around === undefined ? run() : around(request, run)).catch((error: unknown) =>
      response.destroy(error as Error),
    );
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    transports,
    http,
    async close() {
      for (const transport of sessions.values()) await transport.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
