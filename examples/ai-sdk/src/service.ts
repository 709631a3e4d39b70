/** Agents of the AI SDK: a question comes over HTTP, the tools are on MCP servers, and all of it is one trace. */
import { registerTelemetry } from 'ai';
import { OpenTelemetry } from '@ai-sdk/otel';
import { serveAgents, toolServer } from '@throughline/example-stand-ins';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';

const telemetry = startTelemetry('desk');
if (process.env['AI_SDK_OTEL'] !== undefined) registerTelemetry(new OpenTelemetry());
const servers = toolServer();

// #region model
import { createOpenAI } from '@ai-sdk/openai';
import { modelProvider } from '@throughline/core';
import { traceFetch } from '@throughline/fetch';

const openai = createOpenAI({ fetch: traceFetch(fetch, modelProvider()) });
// #endregion

// #region mcp
import { createMCPClient } from '@ai-sdk/mcp';
import type { MCPTransport } from '@ai-sdk/mcp';
import { StdioMCPTransport } from '@ai-sdk/mcp/mcp-stdio';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { traceTransport } from '@throughline/mcp';

const overStdio = await createMCPClient({ transport: traceTransport(new StdioMCPTransport(servers.stdio)) });
const toLibrary = new StreamableHTTPClientTransport(servers.http, { fetch: traceFetch() });
// Its types say `undefined` where those of the AI SDK do not.
const overHttp = await createMCPClient({ transport: traceTransport(toLibrary) as MCPTransport });
// #endregion

// #region fetch
const byFetch = await createMCPClient({ transport: { type: 'http', url: servers.http.href, fetch: traceFetch() } });
// #endregion

import { generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';

const clients = [overStdio, overHttp, byFetch];
const stdio = await overStdio.tools();
const http = await overHttp.tools();
const fetched = await byFetch.tools();
const stopWhen = isStepCount(5);
const chat = openai.chat('stand-in-1');
const responses = openai.responses('stand-in-1');

const ask_librarian = tool({
  description: 'Asks the librarian, an agent of its own',
  inputSchema: z.object({ input: z.string() }),
  execute: async ({ input }) => {
    const { text } = await generateText({ model: responses, tools: stdio, stopWhen, prompt: input });
    return text;
  },
});

await serveAgents(
  {
    stdio: async ({ question }) => {
      const { text } = await generateText({ model: chat, tools: stdio, stopWhen, prompt: question });
      return text;
    },
    http: async ({ question }) => {
      const { text } = await generateText({ model: responses, tools: http, stopWhen, prompt: question });
      return text;
    },
    fetch: async ({ question }) => {
      const { text } = await generateText({ model: responses, tools: fetched, stopWhen, prompt: question });
      return text;
    },
    streamed: async ({ question }) =>
      streamText({ model: responses, tools: stdio, stopWhen, prompt: question }).textStream,
    chat: async ({ question }) => streamText({ model: chat, tools: http, stopWhen, prompt: question }).textStream,
    team: async ({ question }) => {
      const { text } = await generateText({ model: chat, tools: { ask_librarian }, stopWhen, prompt: question });
      return text;
    },
  },
  telemetry,
  () => Promise.all(clients.map((client) => client.close())),
);
