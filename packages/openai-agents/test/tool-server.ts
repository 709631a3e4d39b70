/** An MCP server over HTTP in this process, on a real socket, that keeps the `_meta` of each call. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
// Both ends of the SDK's range take its schemas.
import { z } from 'zod/v3';

export interface ToolServer {
  readonly url: string;
  /** What each call of a tool held in `_meta`, in order. */
  readonly metas: readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

/** Starts one with the tools `search`, which answers, and `break`, whose answer is an error. */
export async function startToolServer(): Promise<ToolServer> {
  const metas: Record<string, unknown>[] = [];
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const library = (): McpServer => {
    const server = new McpServer({ name: 'library', version: '1.0.0' });
    const config = { inputSchema: { query: z.string().optional() } };
    server.registerTool('search', config, ({ query }, { _meta }) => {
      metas.push({ ..._meta });
      return { content: [{ type: 'text', text: `found <${query}>` }] };
    });
    server.registerTool('break', config, ({ query }, { _meta }) => {
      metas.push({ ..._meta });
      return { isError: true, content: [{ type: 'text', text: `broken: ${query}` }] };
    });
    return server;
  };
  const http = createServer((request, response) => {
    void (async () => {
      let transport = sessions.get(String(request.headers['mcp-session-id']));
      if (transport === undefined) {
        const opened = new StreamableHTTPServerTransport({
          sessionIdGenerator: randomUUID,
          onsessioninitialized: (id) => void sessions.set(id, opened),
        });
        await library().connect(opened);
        transport = opened;
      }
      await transport.handleRequest(request, response);
    })();
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    metas,
    async close() {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}
