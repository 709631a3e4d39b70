// An MCP server over stdio: `node stdio-server.ts SDK OPTIONS-AS-JSON`, and `in-place` for one of v1 that is traced once it is connected. It
// tells its own spans through a tool.
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { startTelemetry } from '@throughline/test-telemetry';
import { traceConnection, traceServer } from '../../src/index.ts';
import { sdkOf } from '../sdk.ts';
import type { TestServer } from '../sdk.ts';
import { toolsOf } from './tools.ts';

const tools = toolsOf(startTelemetry());
const [key, options = '{}', inPlace] = process.argv.slice(2);
const sdk = sdkOf(key);

const server = (): TestServer => traceServer(sdk.server(tools), JSON.parse(options));
if (inPlace === 'in-place') {
  const bare = sdk.server(tools);
  await bare.connect(new StdioServerTransport() as never);
  traceConnection(bare, JSON.parse(options));
} else if (key === 'v1') await server().connect(new StdioServerTransport() as never);
else serveStdio(server as never);
