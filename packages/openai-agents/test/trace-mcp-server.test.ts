import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import {
  Agent,
  MCPServerSSE,
  MCPServerStdio,
  MCPServerStreamableHttp,
  run,
  setTraceProcessors,
  setTracingDisabled,
  tool,
  Usage,
} from '@openai/agents-core';
import type { AgentOutputItem, MCPServer, Model } from '@openai/agents-core';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { traceAgents, traceMcpServer } from '../src/index.ts';
import type { McpServerOptions } from '../src/index.ts';
import { startToolServer } from './tool-server.ts';
import type { ToolServer } from './tool-server.ts';

type Span = ReturnType<Telemetry['spans']>[number];

let telemetry: Telemetry;
let tools: ToolServer;
const open: MCPServer[] = [];
beforeAll(async () => {
  tools = await startToolServer();
});
afterAll(() => tools.close());
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
  await telemetry.shutdown();
});

async function connected<S extends MCPServer>(server: S, options?: McpServerOptions): Promise<S> {
  const traced = traceMcpServer(server, options);
  open.push(traced);
  await traced.connect();
  return traced;
}

const overHttp = (options?: McpServerOptions, more: object = {}): Promise<MCPServerStreamableHttp> =>
  connected(new MCPServerStreamableHttp({ url: tools.url, ...more }), options);

const calls = (): Span[] =>
  telemetry.spans().filter(({ attributes }) => attributes['mcp.method.name'] === 'tools/call');
const lastMeta = (): Readonly<Record<string, unknown>> => tools.metas.at(-1) ?? {};
const idOf = (span: Span | undefined): string | undefined => span?.spanContext().spanId;
const sentId = (): string | undefined => String(lastMeta()['traceparent']).split('-')[2];
const port = (): number => Number(new URL(tools.url).port);

describe('traceMcpServer', () => {
  it('gives each call a CLIENT span by the conventions, whose context the server gets', async () => {
    const server = await overHttp();
    expect(await server.callTool('search', { query: 'x' })).toEqual([{ type: 'text', text: 'found <x>' }]);
    const [span] = calls();
    expect(span).toMatchObject({ name: 'tools/call search', kind: SpanKind.CLIENT });
    expect(span?.attributes).toEqual({
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'search',
      'mcp.session.id': server.sessionId,
      'network.transport': 'tcp',
      'server.address': '127.0.0.1',
      'server.port': port(),
    });
    expect(sentId()).toBe(idOf(span));
  });

  it('a tool that fails, and one that is not there, are errors', async () => {
    const server = await overHttp();
    const broken = await server.callTool('break', { query: 'secret' });
    expect(broken.isError).toBe(true);
    expect((await server.callToolResult('break', {})).isError).toBe(true);
    for (const span of calls())
      expect(span).toMatchObject({
        status: { code: SpanStatusCode.ERROR },
        attributes: { 'error.type': 'tool_error' },
      });
    expect(JSON.stringify(calls().map(({ attributes, status }) => [attributes, status]))).not.toContain('secret');
  });

  it('what `toolMetaResolver` says stays beside the fields', async () => {
    const server = await overHttp();
    const meta = Object.freeze({ tenant: 'blue', tracestate: 'old=1' });
    await server.callTool('search', {}, meta);
    expect(lastMeta()).toMatchObject({ tenant: 'blue', traceparent: expect.any(String) as string });
    expect(lastMeta()).not.toHaveProperty('tracestate');
  });

  it('baggage goes to a host that is yours, and a server with a name of its own is nobody of yours until you say so', async () => {
    const blue = propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: 'blue' } }));
    const baggageTo = async (options: McpServerOptions | undefined, name?: string): Promise<unknown> => {
      const server = await overHttp(options, { name });
      await context.with(blue, () => server.callTool('search', {}));
      return String(lastMeta()['baggage']).includes('tenant=blue');
    };
    expect(await baggageTo(undefined)).toBe(true);
    expect(await baggageTo(undefined, 'library')).toBe(false);
    expect(await baggageTo({ peer: { host: 'library' } }, 'library')).toBe(true);
    expect(await baggageTo({ firstParty: true }, 'library')).toBe(true);
  });

  it('over stdio the server is a process, by its name', async () => {
    const script = `
      import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
      import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
      const server = new McpServer({ name: 'echo', version: '1' });
      server.registerTool('echo', {}, ({ _meta }) => ({ content: [{ type: 'text', text: JSON.stringify(_meta) }] }));
      await server.connect(new StdioServerTransport());`;
    const args = ['--input-type=module', '-e', script];
    const stdio = { command: process.execPath, args, cwd: new URL('..', import.meta.url).pathname };
    const blue = propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: 'blue' } }));
    for (const [options, goes] of [
      [undefined, false],
      [{ firstParty: ['echo'] }, true],
    ] as const) {
      const server = await connected(new MCPServerStdio({ name: 'echo', ...stdio }), options);
      const [answer] = await context.with(blue, () => server.callTool('echo', {}));
      const meta = JSON.parse(String(answer?.['text'])) as Record<string, unknown>;
      expect(String(meta['baggage']).includes('tenant=blue')).toBe(goes);
      expect(String(meta['traceparent'])).toContain(idOf(calls().at(-1)));
    }
    expect(calls()[0]?.attributes).toMatchObject({ 'network.transport': 'pipe' });
    expect(calls()[0]?.attributes).not.toHaveProperty('server.address');
  });

  it('over SSE', async () => {
    let received: unknown;
    const library = new McpServer({ name: 'library', version: '1' });
    library.registerTool('search', {}, ({ _meta }) => {
      received = _meta?.['traceparent'];
      return { content: [] };
    });
    let transport: SSEServerTransport | undefined;
    const http = createServer((request, response) => {
      if (request.method === 'POST') return void transport?.handlePostMessage(request, response);
      transport = new SSEServerTransport('/messages', response);
      void library.connect(transport);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => http.once('listening', resolve));
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/sse`;
    const server = await connected(new MCPServerSSE({ url }));
    await server.callTool('search', {});
    const [span] = calls();
    expect(String(received).split('-')[2]).toBe(idOf(span));
    expect(span?.attributes).toMatchObject({ 'network.transport': 'tcp', 'server.address': '127.0.0.1' });
    await server.close();
    http.closeAllConnections();
    http.close();
  });

  it('what is no server is refused, and so are wrong options', () => {
    expect(() => traceMcpServer({ name: 'x' } as never)).toThrow(/takes an MCP server of OpenAI Agents/);
    const server = new MCPServerStreamableHttp({ url: tools.url });
    expect(() => traceMcpServer(server, { peer: { hots: 'x' } } as never)).toThrow(/Did you mean `host`/);
    expect(() => traceMcpServer(server, { peer: { channel: 'wire' } } as never)).toThrow(/peer.channel/);
    expect(() => traceMcpServer(server, { firstPart: true } as never)).toThrow(/Did you mean `firstParty`/);
  });
});

/** A model that calls a tool once, and then says what it is told. */
function callerOf(name: string): Model {
  let called = false;
  const next = (): AgentOutputItem => {
    if (called) {
      const content = [{ type: 'output_text' as const, text: 'done' }];
      return { type: 'message', role: 'assistant', status: 'completed', content };
    }
    called = true;
    return { type: 'function_call', callId: 'call_1', name, arguments: '{"query":"x"}', status: 'completed' };
  };
  return {
    getResponse: async () => ({ usage: new Usage(), output: [next()] }),
    getStreamedResponse: () => {
      throw new Error('not streamed');
    },
  };
}

describe('traceMcpServer below traceAgents', () => {
  let undo: () => void;
  beforeEach(() => {
    setTracingDisabled(false);
    setTraceProcessors([]);
    undo = traceAgents();
  });
  afterEach(() => undo());

  it.each([
    ['search', 'execute_tool search', {}, {}],
    ['search', 'execute_tool search', {}, { useStructuredContent: true }],
    ['mcp_library__search', 'execute_tool mcp_library__search', { mcpConfig: { includeServerInToolNames: true } }, {}],
  ])(
    'the span of the tool %s is that of the call, and the server gets its context',
    async (name, span, config, more) => {
      const server = await overHttp(undefined, { name: 'library', ...more });
      await run(new Agent({ name: 'a', model: callerOf(name), mcpServers: [server], ...config }), 'x');
      const [called, ...others] = calls();
      expect(others).toEqual([]);
      expect(called).toMatchObject({ name: span, kind: SpanKind.INTERNAL, status: { code: SpanStatusCode.UNSET } });
      expect(called?.attributes).toMatchObject({
        'mcp.method.name': 'tools/call',
        'gen_ai.tool.name': 'search',
        'mcp.session.id': server.sessionId,
        'network.transport': 'tcp',
      });
      expect(sentId()).toBe(idOf(called));
    },
  );

  it('a tool that fails is an error of that span', async () => {
    const server = await overHttp();
    await run(new Agent({ name: 'a', model: callerOf('break'), mcpServers: [server] }), 'x');
    expect(calls()).toHaveLength(1);
    expect(calls()[0]).toMatchObject({
      name: 'execute_tool break',
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'tool_error' },
    });
  });

  it('calls of a tool of your own, and those in a span of your own, have CLIENT spans', async () => {
    const server = await overHttp();
    const own = tool({
      name: 'own',
      description: 'own',
      parameters: z.object({ query: z.string() }),
      execute: async () => {
        await server.callTool('search', {});
        await trace.getTracer('test').startActiveSpan('mine', async (span) => {
          await server.callTool('search', {});
          span.end();
        });
      },
    });
    await run(new Agent({ name: 'a', model: callerOf('own'), tools: [own] }), 'x');
    const parentOf = (span: Span): string | undefined =>
      telemetry.spans().find((one) => idOf(one) === span.parentSpanContext?.spanId)?.name;
    expect(calls().map((span) => [span.kind, span.name, parentOf(span)])).toEqual([
      [SpanKind.CLIENT, 'tools/call search', 'execute_tool own'],
      [SpanKind.CLIENT, 'tools/call search', 'mine'],
    ]);
  });

  it('under `spans: false` the server gets the context of the tool, whose span says nothing of the call', async () => {
    const server = await overHttp({ spans: false });
    await run(new Agent({ name: 'a', model: callerOf('search'), mcpServers: [server] }), 'x');
    expect(calls()).toEqual([]);
    expect(sentId()).toBe(idOf(telemetry.spans().find(({ name }) => name === 'execute_tool search')));
  });
});
