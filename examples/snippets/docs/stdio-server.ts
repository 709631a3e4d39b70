import assert from 'node:assert/strict';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { trace } from '@opentelemetry/api';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { register } from '@throughline/core';
import { traceServer } from '@throughline/mcp';
import { startCollector } from '@throughline/verify';

async function serve(): Promise<void> {
  const sdk = new TracerProvider({
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), scheduledDelayMillis: 60_000 })],
  });
  trace.setGlobalTracerProvider(sdk);
  register();
  const server = traceServer(new McpServer({ name: 'reader', version: '1.0.0' }));
  server.registerTool('read', {}, () => ({ content: [] }));

  // #region stdio
  const stop = async (): Promise<void> => {
    await server.close();
    await sdk.shutdown();
    process.exit(0);
  };
  process.stdin.once('end', stop); // the client closed: two seconds are left
  process.once('SIGTERM', stop);
  // #endregion

  await server.connect(new StdioServerTransport());
}

if (process.argv[2] === 'serve') await serve();
else {
  const collector = await startCollector();
  const client = new Client({ name: 'analyst', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [import.meta.filename, 'serve'],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    }),
  );
  await client.callTool({ name: 'read', arguments: {} });
  await client.close();
  const spans = collector.spans();
  await collector.close();
  assert.ok(spans.some(({ name }) => name === 'tools/call read'));
  console.log('a stdio server that its client leaves exports every span');
}
