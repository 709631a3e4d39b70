// #region readme
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { traceClient, traceServer } from '@throughline/mcp';

const server = traceServer(new McpServer({ name: 'library', version: '1.0.0' }));
const client = traceClient(new Client({ name: 'analyst', version: '1.0.0' }));
// #endregion

import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { startTelemetry } from '@throughline/test-telemetry';
import { z } from 'zod';

const telemetry = startTelemetry();
server.registerTool('search', { inputSchema: { query: z.string() } }, () => ({
  content: [{ type: 'text', text: trace.getActiveSpan()?.spanContext().traceId ?? 'no trace' }],
}));
const [near, far] = InMemoryTransport.createLinkedPair();
await server.connect(far);
await client.connect(near);
const answer = await client.callTool({ name: 'search', arguments: { query: 'lineage' } });
await client.close();
const call = telemetry.spans().find((span) => span.name === 'tools/call search');
assert.ok(call);
assert.deepEqual(answer.content, [{ type: 'text', text: call.spanContext().traceId }]);
await telemetry.shutdown();
console.log('the tool runs in the trace that called it');
