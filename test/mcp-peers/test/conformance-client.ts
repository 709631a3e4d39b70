// A client for `@modelcontextprotocol/conformance`: `node conformance-client.ts bare|traced URL`.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { traceClient } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';

const [kind, url = ''] = process.argv.slice(2);
startTelemetry();
const plain = new Client(
  { name: 'conformance', version: '1.0.0' },
  { capabilities: { elicitation: { form: { applyDefaults: true } } } },
);
const client = kind === 'traced' ? traceClient(plain) : plain;
client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: {} }));
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const { tools } = await client.listTools().catch(() => ({ tools: [] }));
for (const { name } of tools) {
  const given = name === 'add_numbers' ? { a: 5, b: 3 } : {};
  await client.callTool({ name, arguments: given }).catch(() => {});
}
await client.close();
process.exit(0);
