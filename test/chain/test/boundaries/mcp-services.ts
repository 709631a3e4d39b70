import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';

/** What a tool call brought, as its server saw it. */
export interface Brought {
  readonly meta: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Returns a server whose one tool tells what its call brought. */
export function echoServer(): McpServer {
  const server = new McpServer({ name: 'echo', version: '1.0.0' });
  server.registerTool('echo', {}, (extra) => {
    const brought: Brought = { meta: extra._meta ?? {}, headers: extra.requestInfo?.headers ?? {} };
    return { content: [{ type: 'text', text: JSON.stringify(brought) }] };
  });
  return server;
}

/** Returns a handler of Streamable HTTP that makes a server for each session. */
export function sessions(makeServer: () => Pick<McpServer, 'connect'>): RequestListener {
  const transports = new Map<unknown, StreamableHTTPServerTransport>();
  return (request, response) => {
    void (async () => {
      let transport = transports.get(request.headers['mcp-session-id']);
      if (transport === undefined) {
        transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID });
        await makeServer().connect(transport);
      }
      await transport.handleRequest(request, response);
      if (transport.sessionId !== undefined) transports.set(transport.sessionId, transport);
    })().catch((error: unknown) => response.destroy(error as Error));
  };
}

/** The answer of the `echo` tool. */
export function broughtBy(result: unknown): Brought {
  const { content } = result as { content: { text: string }[] };
  return JSON.parse(content[0]?.text ?? '{}') as Brought;
}
