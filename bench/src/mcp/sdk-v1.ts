import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { z } from 'zod';
import { linkedPair } from './linked-pair.ts';
import type { Connected, Sdk, Tool, Tracing } from './sdk.ts';

const info = { name: 'bench', version: '1.0.0' };

/** `@modelcontextprotocol/sdk`. */
export const v1: Sdk = {
  classes: { Client, Server, InMemoryTransport, StdioClientTransport, StdioServerTransport },
  async inMemory(tool, tracing) {
    const [clientEnd, serverEnd] = linkedPair(tracing.classes.InMemoryTransport as typeof InMemoryTransport);
    await serverWith(tool, tracing).connect(serverEnd);
    return connect(tracing, clientEnd);
  },
  spawn(args, tracing) {
    const Transport = tracing.classes.StdioClientTransport as typeof StdioClientTransport;
    return connect(tracing, new Transport({ command: process.execPath, args }));
  },
  serve(tool, tracing) {
    const Transport = tracing.classes.StdioServerTransport as typeof StdioServerTransport;
    return serverWith(tool, tracing).connect(new Transport());
  },
};

function serverWith(tool: Tool, tracing: Tracing): McpServer {
  const server = tracing.server(new McpServer(info));
  const traced = tracing.tool(tool);
  server.registerTool('echo', { inputSchema: { text: z.string() } }, (input, { requestId, _meta }) =>
    traced(input, { id: requestId, _meta }),
  );
  return server;
}

async function connect(tracing: Tracing, transport: Transport): Promise<Connected> {
  const client = tracing.client(new (tracing.classes.Client as typeof Client)(info));
  await client.connect(transport);
  return { call: tracing.call((params) => client.callTool(params)), close: () => client.close() };
}
