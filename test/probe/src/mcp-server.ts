/** An MCP server of SDK v1, as `node mcp-server.ts stdio|http TRACER FAULT`. Over HTTP it tells its URL by a message. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { publicEdge } from '@throughline/core';
import { traceFetch } from '@throughline/fetch';
import { traceServer } from '@throughline/mcp';
import { z } from 'zod';
import { startTelemetry } from './telemetry.ts';

export type McpTracer = 'none' | 'ours' | 'edge';
export type McpFault = 'none' | 'crash-on-meta' | 'fails-on-baggage';

const [wire, tracer, fault] = process.argv.slice(2) as ['stdio' | 'http', McpTracer, McpFault];
if (tracer !== 'none') startTelemetry('tools');
const ourFetch = tracer === 'none' ? fetch : traceFetch(fetch);

function serverOf(): McpServer {
  const server = new McpServer({ name: 'tools', version: '1.0.0' });
  server.registerTool('fetch', { inputSchema: { url: z.string() } }, async ({ url }, { _meta }) => {
    if (fault === 'fails-on-baggage') (_meta as { baggage?: string } | undefined)?.baggage?.split(',');
    await (await ourFetch(url)).text();
    return { content: [{ type: 'text', text: 'done' }] };
  });
  if (tracer === 'none') return server;
  return traceServer(server, tracer === 'edge' ? publicEdge() : {});
}

/** Reads the context as a careless tracer does, outside of what the SDK catches. */
function careless(transport: Transport): Transport {
  if (fault !== 'crash-on-meta') return transport;
  const inner = transport;
  const start = inner.start.bind(inner);
  inner.start = () => {
    const forServer = inner.onmessage;
    inner.onmessage = (message, extra) => {
      const params =
        'params' in message ? (message.params as { _meta?: { traceparent?: string } } | undefined) : undefined;
      setImmediate(() => params?._meta?.traceparent?.split('-'));
      forServer?.(message, extra);
    };
    return start();
  };
  return inner;
}

if (wire === 'stdio') await serverOf().connect(careless(new StdioServerTransport()));
else {
  const server = createServer((request, response) => {
    const transport = new StreamableHTTPServerTransport({});
    const mcp = serverOf();
    response.on('close', () => void mcp.close());
    void mcp.connect(careless(transport as Transport)).then(() => transport.handleRequest(request, response));
  });
  server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
  await once(server, 'listening');
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
}
