/** An MCP server over stdio: reads passages of files, and nothing outside the repository. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { traceServer } from '@throughline/mcp';
import * as z from 'zod';
import { adapter } from './breaking.ts';
import { setting } from './desk.ts';
import { logProcess, startLogs } from './logs.ts';
import { readPassage } from './passage-reader.ts';
import { startTelemetry } from './telemetry.ts';

const FLUSH_DEADLINE_MS = 5000;
const flush = startTelemetry('reader', setting('DESK_READER'));
startLogs('reader', setting('DESK_READER'));
const root = setting('DESK_REPOSITORY');
const server = new McpServer({ name: 'reader', version: '1.0.0' });

server.registerTool(
  'read_passage',
  {
    description: 'Reads lines of a file of the repository',
    inputSchema: {
      file: z.string().min(1),
      line: z.number().int().min(1),
      last: z.number().int().min(1),
    },
  },
  async ({ file, line, last }) => {
    const lines = await readPassage(root, file, line, last);
    logProcess(`read ${lines.length} lines of ${file}`);
    return { content: [{ type: 'text', text: lines.join('\n') }], structuredContent: { lines } };
  },
);

// Its client ends it by closing its standard input; signals of the terminal are the client's business.
process.on('SIGINT', () => {});
process.stdin.on('end', () => {
  setTimeout(() => process.exit(1), FLUSH_DEADLINE_MS).unref();
  void flush().finally(() => process.exit(0));
});
await adapter('mcp-stdio-receiver', traceServer)(server, { agent: 'reader' }).connect(new StdioServerTransport());
