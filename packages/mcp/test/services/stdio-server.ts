// An MCP server over stdio: `node stdio-server.ts SDK OPTIONS-AS-JSON`. It tells its own spans through a tool.
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { startTelemetry } from '@throughline/test-telemetry';
import { traceServer } from '../../src/index.ts';
import { sdkOf } from '../sdk.ts';
import type { TestServer } from '../sdk.ts';
import { toolsOf } from './tools.ts';

const tools = toolsOf(startTelemetry());
const [key, options = '{}'] = process.argv.slice(2);
const sdk = sdkOf(key);

const server = (): TestServer => traceServer(sdk.server(tools), JSON.parse(options));
if (key === 'v1') await server().connect(new StdioServerTransport() as never);
else serveStdio(server as never);
