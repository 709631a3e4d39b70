// A stdio server that does not trace anything: what it tells is what is on the wire.
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { echoServer } from '../mcp-services.ts';

await echoServer().connect(new StdioServerTransport());
