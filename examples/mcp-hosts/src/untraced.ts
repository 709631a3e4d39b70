/** A tool server of somebody else, which knows nothing of traces. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { addSearch } from './search.ts';

const server = new McpServer({ name: 'library', version: '1.0.0' });
addSearch(server);
await server.connect(new StdioServerTransport());
