/** An MCP server over Streamable HTTP: indexes the repository's own documents and finds passages in them. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { HopOptions } from '@throughline/core';
import { traceServer } from '@throughline/mcp';
import * as z from 'zod';
import { runProcess, say } from './agent.ts';
import { adapter } from './breaking.ts';
import { PassageKind, setting } from './desk.ts';
import { listen } from './listen.ts';
import { openShelf } from './shelf.ts';
import type { Shelf } from './shelf.ts';

const options: HopOptions = { agent: 'library' };

function libraryServer(shelf: Shelf): McpServer {
  const server = new McpServer({ name: 'library', version: '1.0.0' });
  server.registerTool(
    'index',
    { description: 'Takes in documents of the repository that are new or have changed' },
    () => {
      const counted = shelf.index();
      say(`indexed ${counted.changed} files; has ${counted.passages} passages of ${counted.files} files`);
      return answer(counted);
    },
  );
  server.registerTool(
    'search',
    {
      description: 'Finds passages of the repository, the best match first',
      inputSchema: {
        words: z.array(z.string().min(1)).min(1).max(20),
        kind: PassageKind,
        limit: z.number().int().min(1).max(20).default(5),
      },
    },
    ({ words, kind, limit }) => {
      const hits = shelf.search(words, kind, limit);
      say(`found ${hits.length} ${kind} passages for: ${words.join(' ')}`);
      return answer({ hits });
    },
  );
  return server;
}

function answer(content: object): {
  content: [{ type: 'text'; text: string }];
  structuredContent: Record<string, unknown>;
} {
  return { content: [{ type: 'text', text: JSON.stringify(content) }], structuredContent: { ...content } };
}

await runProcess('library', 'library', async () => {
  const shelf = openShelf(setting('DESK_REPOSITORY'));
  // Stateless: a server and a transport for every request, as the SDK wants it.
  const http = await listen(async (request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST' }).end();
      return;
    }
    const server = adapter('mcp-http-receiver', traceServer)(libraryServer(shelf), options);
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    response.on('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response);
  });
  return {
    url: `${http.url}/mcp`,
    stop: async () => {
      await http.stop();
      shelf[Symbol.dispose]();
    },
  };
});
