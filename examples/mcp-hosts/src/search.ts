import { setTimeout as delay } from 'node:timers/promises';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import * as z from 'zod';

/** Gives a server its one tool. */
export function addSearch(server: McpServer): void {
  const inputSchema = { query: z.string() };
  server.registerTool('search', { description: 'Finds what is known', inputSchema }, async ({ query }) => {
    await delay(Math.random() * 20);
    return { content: [{ type: 'text', text: `found <${query}>` }] };
  });
}
