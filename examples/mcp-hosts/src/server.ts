/** A tool server of yours, which a host starts that nobody can change. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';
import { traceServer } from '@throughline/mcp';
import { addSearch } from './search.ts';

const telemetry = startTelemetry('library');
const server = new McpServer({ name: 'library', version: '1.0.0' });
addSearch(server);
process.stdin.once('end', () => void telemetry.shutdown().finally(() => process.exit(0)));
// #region server
await traceServer(server, { agent: 'library' }).connect(new StdioServerTransport());
// #endregion
