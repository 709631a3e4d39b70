// #region readme
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { traceFetch } from '@throughline/fetch';
import { traceClient, traceServer } from '@throughline/mcp';

const server = traceServer(new McpServer({ name: 'library', version: '1.0.0' }));
const client = traceClient(new Client({ name: 'analyst', version: '1.0.0' }));
const overHttp = (url: URL) => new StreamableHTTPClientTransport(url, { fetch: traceFetch() });
// #endregion

import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { trace } from '@opentelemetry/api';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { traceContext } from '@throughline/express';
import { startTelemetry } from '@throughline/test-telemetry';
import express from 'express';
import { z } from 'zod';

const telemetry = startTelemetry();
server.registerTool('search', { inputSchema: { query: z.string() } }, () => ({
  content: [{ type: 'text', text: trace.getActiveSpan()?.spanContext().traceId ?? 'no trace' }],
}));
const far = new StreamableHTTPServerTransport({ sessionIdGenerator: () => 'the-only-one' });
await server.connect(far);
const app = express();
app.use(traceContext());
app.all('/mcp', (request, response) => far.handleRequest(request, response));
const listening = app.listen(0, '127.0.0.1');
await new Promise((resolve) => listening.once('listening', resolve));
const { port } = listening.address() as AddressInfo;

const answer = await trace.getTracer('example').startActiveSpan('turn', async (turn) => {
  await client.connect(overHttp(new URL(`http://127.0.0.1:${port}/mcp`)));
  const found = await client.callTool({ name: 'search', arguments: { query: 'lineage' } });
  turn.end();
  return found;
});
const closed = new Promise((resolve) => listening.once('close', resolve));
await client.close();
listening.close();
listening.closeAllConnections();
await closed;
const { traceId } = telemetry.find('turn').spanContext();
assert.deepEqual(answer.content, [{ type: 'text', text: traceId }]);
assert.deepEqual([...new Set(telemetry.spans().map((span) => span.spanContext().traceId))], [traceId]);
await telemetry.shutdown();
console.log('the tool, and every HTTP request, is in the trace that called it');
