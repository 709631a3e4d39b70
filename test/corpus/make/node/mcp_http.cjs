/** MCP over Streamable HTTP by the SDK for JavaScript, which knows nothing of tracing: the context goes in the headers of HTTP. */
const { listen, startTracing } = require('./telemetry.cjs');
startTracing('http', 'undici');
const express = require('express');
const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js');
const { StreamableHTTPServerTransport } = require('@modelcontextprotocol/sdk/server/streamableHttp.js');
const { z } = require('zod');

const app = express();

if (process.argv[2] === 'tools') {
  app.post('/mcp', express.json(), async (request, response) => {
    const server = new McpServer({ name: 'tools', version: '1' });
    server.registerTool('search', { inputSchema: { q: z.string() } }, async ({ q }) => {
      const answer = await fetch(`${process.env.NEXT}?q=${q}`);
      return { content: [{ type: 'text', text: await answer.text() }] };
    });
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await server.connect(transport);
    await transport.handleRequest(request, response, request.body);
  });
} else {
  app.get('/ask', async (request, response) => {
    const client = new Client({ name: 'agent', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(process.env.TOOLS)));
    for (const q of ['a', 'b']) await client.callTool({ name: 'search', arguments: { q } });
    await client.close();
    response.json({});
  });
}
listen(app);
