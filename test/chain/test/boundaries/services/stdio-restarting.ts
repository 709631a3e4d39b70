// A traced stdio server that starts a trace of its own for whoever calls. Its spans are sampled, and go nowhere.
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import { echoServer } from '../mcp-services.ts';

startTelemetry();
await traceServer(echoServer(), { inbound: 'restart-with-link' }).connect(new StdioServerTransport());
