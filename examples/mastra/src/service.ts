/** Agents of Mastra: a question comes over HTTP, the tools are on MCP servers, and all of it is one trace. */
import { serveAgents, toolServer } from '@throughline/example-stand-ins';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';

const telemetry = startTelemetry('desk');
const servers = toolServer();

// #region model
import { createOpenAI } from '@ai-sdk/openai';
import { modelProvider } from '@throughline/core';
import { traceFetch } from '@throughline/fetch';

const openai = createOpenAI({ fetch: traceFetch(fetch, modelProvider()) });
// #endregion

// #region mcp
import { MCPClient } from '@mastra/mcp';
import { traceFields } from '@throughline/core';

const traceContext = () => traceFields();
const stdio = new MCPClient({ servers: { stdio: { ...servers.stdio, traceContext } } });
const http = new MCPClient({ servers: { http: { url: servers.http, traceContext, fetch: traceFetch() } } });
// #endregion

// #region bridge
import { Mastra } from '@mastra/core';
import { Observability } from '@mastra/observability';
import { OtelBridge } from '@mastra/otel-bridge';

const bridge = new Observability({ configs: { default: { serviceName: 'desk', bridge: new OtelBridge() } } });
// #endregion

import { Agent } from '@mastra/core/agent';
import type { MastraModelConfig } from '@mastra/core/llm';
import { createTool } from '@mastra/core/tools';
import { z } from 'zod';

const instructions = 'Search, then answer.';
// Its types and those of the provider are of two releases.
const chat = openai.chat('stand-in-1') as MastraModelConfig;
const responses = openai.responses('stand-in-1') as MastraModelConfig;
const overStdio = await stdio.listTools();
const overHttp = await http.listTools();
const librarian = new Agent({ id: 'librarian', name: 'librarian', instructions, model: chat, tools: overStdio });
const ask_librarian = createTool({
  id: 'ask_librarian',
  description: 'Asks the librarian, an agent of its own',
  inputSchema: z.object({ input: z.string() }),
  execute: async ({ input }) => (await librarian.generate(input)).text,
});
const agents = {
  librarian,
  stdio: new Agent({ id: 'stdio', name: 'stdio', instructions, model: chat, tools: overStdio }),
  http: new Agent({ id: 'http', name: 'http', instructions, model: responses, tools: overHttp }),
  team: new Agent({ id: 'team', name: 'team', instructions, model: chat, tools: { ask_librarian } }),
};
const mastra = new Mastra({
  agents,
  logger: false,
  ...(process.env['MASTRA_BRIDGE'] === undefined ? undefined : { observability: bridge }),
});
const agent = (name: keyof typeof agents): Agent => mastra.getAgent(name);

await serveAgents(
  {
    stdio: async ({ question }) => (await agent('stdio').generate(question)).text,
    http: async ({ question }) => (await agent('http').generate(question)).text,
    streamed: async ({ question }) => (await agent('stdio').stream(question)).textStream,
    chat: async ({ question }) => (await agent('http').stream(question)).textStream,
    team: async ({ question }) => (await agent('team').generate(question)).text,
  },
  telemetry,
  () => Promise.all([stdio.disconnect(), http.disconnect()]),
);
