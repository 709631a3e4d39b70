/** A traced MCP server in a process of its own, with one tool: `node tool-program.ts stdio` or `http`. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { traceContext } from '@throughline/express';
import { traceServer } from '@throughline/mcp';
import express from 'express';
import * as z from 'zod';
import { ready, untilStopped } from './process.ts';
import { startTelemetry } from './telemetry.ts';

const kind = process.argv[2];
const telemetry = startTelemetry(`tools-${kind}`);

function library(): McpServer {
  const server = new McpServer({ name: 'library', version: '1.0.0' });
  const input = { query: z.string() };
  server.registerTool('search', { description: 'Finds what is known', inputSchema: input }, async ({ query }) => {
    await delay(Math.random() * 20);
    return { content: [{ type: 'text', text: `found <${query}>` }] };
  });
  return traceServer(server, { agent: 'library' });
}

if (kind === 'stdio') {
  // Its client ends it by closing its standard input, or by a signal.
  const stop = (): void => void telemetry.shutdown().finally(() => process.exit(0));
  process.stdin.once('end', stop);
  process.once('SIGTERM', stop);
  await library().connect(new StdioServerTransport());
} else {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const app = express();
  app.use(traceContext());
  app.all('/mcp', express.json(), async (request, response) => {
    let transport = sessions.get(request.get('mcp-session-id') ?? '');
    if (transport === undefined) {
      const opened = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void sessions.set(id, opened),
        onsessionclosed: (id) => void sessions.delete(id),
      });
      await library().connect(opened);
      transport = opened;
    }
    await transport.handleRequest(request, response, request.body);
  });
  const server = app.listen(0, '127.0.0.1', () => {
    ready(`http://127.0.0.1:${(server.address() as { port: number }).port}/mcp`);
  });
  await untilStopped();
  server.closeAllConnections();
  await telemetry.shutdown();
  process.exit(0);
}
