/** Stands between a host and a tool server, neither of which can be changed: `node proxy.ts COMMAND ARGS…` */
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';
import { traceTransport } from '@throughline/mcp';

const telemetry = startTelemetry('proxy');
const [command = '', ...args] = process.argv.slice(2);
// #region proxy
const host = traceTransport(new StdioServerTransport(), { agent: 'proxy' });
// The server gets what its host gave: by itself the SDK would pass on a few variables.
const env = process.env as Record<string, string>;
const server = traceTransport(new StdioClientTransport({ command, args, env }));
host.onmessage = (message) => void server.send(message);
server.onmessage = (message) => void host.send(message);
await server.start();
await host.start();
// #endregion
process.stdin.once('end', () => {
  void Promise.all([server.close(), telemetry.shutdown()]).finally(() => process.exit(0));
});
