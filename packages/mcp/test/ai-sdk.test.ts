import { createMCPClient } from '@ai-sdk/mcp';
import type { MCPClient } from '@ai-sdk/mcp';
import { StdioMCPTransport } from '@ai-sdk/mcp/mcp-stdio';
import { context, propagation, SpanKind } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { traceConnection, traceTransport } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { host } from './http-host.ts';
import type { HttpHost } from './http-host.ts';
import { stdioServer } from './link.ts';
import { v1 } from './sdk.ts';
import type { Tool } from './sdk.ts';
import { inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

interface Content {
  readonly content: readonly { readonly text?: string }[];
}

type Execute = (input: object, options: object) => Promise<Content>;

async function toolOf(client: MCPClient, name: string): Promise<(abortSignal?: AbortSignal) => Promise<Content>> {
  const { execute } = (await client.tools())[name] as unknown as { execute: Execute };
  await telemetry.reset();
  return (abortSignal) => inSpan('agent', () => execute({}, { toolCallId: '1', messages: [], abortSignal }));
}
async function call(client: MCPClient, name: string): Promise<string> {
  const tool = await toolOf(client, name);
  return (await tool()).content[0]?.text ?? '';
}
const withTenant = <T>(fn: () => T): T =>
  context.with(propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: 'blue' } })), fn);

describe('the transports of the AI SDK', () => {
  const stdio = (options?: McpOptions) =>
    traceTransport(
      new StdioMCPTransport({ command: process.execPath, args: [stdioServer, 'v1'] }),
      options,
    ) as StdioMCPTransport & { readonly [inFlightKey]: number };

  async function overStdio(options?: McpOptions, transport = stdio(options)): Promise<MCPClient> {
    const client = await createMCPClient({ transport });
    cleanups.push(() => client.close());
    return client;
  }

  /** One that the client makes by itself, and keeps to itself. */
  async function overHttp(tools: Record<string, Tool>): Promise<[MCPClient, HttpHost]> {
    const served = await host(v1, 'session', tools);
    cleanups.push(() => served.close());
    const client = await createMCPClient({ transport: { type: 'http', url: served.url.href } });
    cleanups.push(() => client.close());
    traceConnection(client as object);
    return [client, served];
  }

  test('stdio is a process over a pipe: no baggage goes there, unless it is ours', async () => {
    expect(await withTenant(async () => call(await overStdio(), 'baggage'))).toBe('{}');
    expect(spanOf(telemetry, 'tools/call baggage', SpanKind.CLIENT).attributes).toMatchObject({
      'network.transport': 'pipe',
      'throughline.baggage.withheld': 1,
    });
    const ours = await overStdio({ firstParty: true });
    expect(await withTenant(() => call(ours, 'baggage'))).toBe('{"tenant":"blue"}');
  });

  test('Streamable HTTP is a host: its address is on the span, and a private one gets baggage', async () => {
    const who: Tool = () => propagation.getActiveBaggage()?.getEntry('tenant')?.value ?? 'nobody';
    const [client, served] = await overHttp({ who });
    expect(await withTenant(() => call(client, 'who'))).toBe('blue');
    const out = spanOf(telemetry, 'tools/call who', SpanKind.CLIENT);
    expect(out.attributes).toMatchObject({
      'network.transport': 'tcp',
      'server.address': '127.0.0.1',
      'server.port': Number(served.url.port),
    });
    expect(parentOf(out)).toBe(telemetry.find('agent').spanContext().spanId);
    expect(parentOf(spanOf(telemetry, 'tools/call who', SpanKind.SERVER))).toBe(out.spanContext().spanId);
  });

  test('that an older server does not know `server/discover` is no error', async () => {
    const transport = new StdioMCPTransport({ command: process.execPath, args: ['--eval', olderServer] });
    await overStdio({}, traceTransport(transport) as ReturnType<typeof stdio>);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['server/discover', 'initialize']);
    for (const span of telemetry.spans()) expect(span.attributes).not.toHaveProperty('error.type');
  });

  test('a call that is aborted ends its span then and there', async () => {
    const transport = stdio();
    const client = await overStdio({}, transport);
    const cancel = new AbortController();
    const hang = await toolOf(client, 'hang');
    const calling = hang(cancel.signal);
    await vi.waitFor(() => expect(transport[inFlightKey]).toBe(1), { timeout: 20_000 });
    cancel.abort();
    await expect(calling).rejects.toThrow();
    expect(spanOf(telemetry, 'tools/call hang', SpanKind.CLIENT).attributes['error.type']).toBe('cancelled');
    expect(transport[inFlightKey]).toBe(0);
  });
});

// By hand: one on the SDK takes longer to start than the client waits for an answer to what it asks first.
const olderServer = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method } = JSON.parse(line);
    const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'old', version: '1' } };
    const answer = method === 'initialize' ? { result } : { error: { code: -32601, message: 'Method not found' } };
    if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
`;
