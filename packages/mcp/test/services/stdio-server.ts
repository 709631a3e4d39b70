// An MCP server over stdio: `node stdio-server.ts SDK OPTIONS-AS-JSON`. It tells its own spans through a tool.
import { propagation } from '@opentelemetry/api';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { currentLineage } from '@throughline/core';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { startTelemetry } from '@throughline/test-telemetry';
import { traceServer } from '../../src/index.ts';
import { sdkOf } from '../sdk.ts';
import type { TestServer, Tool } from '../sdk.ts';

const telemetry = startTelemetry();
const [key, options = '{}'] = process.argv.slice(2);
const sdk = sdkOf(key);

const tools: Record<string, Tool> = {
  add: () => 'done',
  hang: () => new Promise(() => {}),
  crash: () => process.exit(3),
  ask: ({ sample }) => sample('why?'),
  meta: ({ meta }) => JSON.stringify(meta ?? {}),
  // The user's own: lineage travels with trace context.
  baggage: () =>
    JSON.stringify(
      Object.fromEntries(
        (propagation.getActiveBaggage()?.getAllEntries() ?? [])
          .filter(([name]) => name !== 'throughline.lineage')
          .map(([name, { value }]) => [name, value]),
      ),
    ),
  lineage: () => JSON.stringify(currentLineage() ?? {}),
  environment: () => JSON.stringify({ traceparent: process.env['TRACEPARENT'], baggage: process.env['BAGGAGE'] }),
  spans: () =>
    JSON.stringify(
      telemetry.spans().map((span) => ({
        name: span.name,
        kind: span.kind,
        traceId: span.spanContext().traceId,
        spanId: span.spanContext().spanId,
        parent: span.parentSpanContext?.spanId,
        attributes: span.attributes,
      })),
    ),
};

const server = (): TestServer => traceServer(sdk.server(tools), JSON.parse(options));
if (key === 'v1') await server().connect(new StdioServerTransport() as never);
else serveStdio(server as never);
