/** Agents of OpenAI Agents: a question comes over HTTP, the tools are on MCP servers, and all of it is one trace. */
import { serveAgents, toolServer } from '@throughline/example-stand-ins';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';

const telemetry = startTelemetry('desk');
const { stdio, http } = toolServer();

// #region bridge
import { setTraceProcessors } from '@openai/agents';
import { traceAgents } from '@throughline/openai-agents';

setTraceProcessors([]); // nothing to OpenAI
if (process.env['WITHOUT_BRIDGE'] === undefined) traceAgents();
// #endregion

// #region model
import { modelProvider } from '@throughline/core';
import { traceFetch } from '@throughline/fetch';
import OpenAI from 'openai';

const openai = new OpenAI({ fetch: traceFetch(fetch, modelProvider()) });
// #endregion

// #region mcp
import { MCPServerStdio, MCPServerStreamableHttp } from '@openai/agents';
import { traceMcpServer } from '@throughline/openai-agents';

const untraced = process.env['UNTRACED'] !== undefined;
const local = new MCPServerStdio({ name: 'local', ...stdio });
const library = new MCPServerStreamableHttp({ url: http.href, fetch: untraced ? fetch : traceFetch() });
const overStdio = untraced ? local : traceMcpServer(local);
const overHttp = untraced ? library : traceMcpServer(library);
// #endregion

import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, run } from '@openai/agents';

await Promise.all([overStdio.connect(), overHttp.connect()]);
const chat = new OpenAIChatCompletionsModel(openai, 'stand-in-1');
const responses = new OpenAIResponsesModel(openai, 'stand-in-1');
const agents = {
  chatStdio: new Agent({ name: 'librarian', model: chat, mcpServers: [overStdio] }),
  chatHttp: new Agent({ name: 'librarian', model: chat, mcpServers: [overHttp] }),
  responsesStdio: new Agent({ name: 'librarian', model: responses, mcpServers: [overStdio] }),
  responsesHttp: new Agent({ name: 'librarian', model: responses, mcpServers: [overHttp] }),
};
const handOff = new Agent({ name: 'desk', model: chat, handoffs: [agents.chatHttp] });
const askLibrarian = agents.responsesHttp.asTool({
  toolName: 'ask_librarian',
  toolDescription: 'Asks the librarian, an agent of its own',
});
const delegate = new Agent({ name: 'desk', model: responses, tools: [askLibrarian] });

const whole = (agent: Agent) => async (asking: { readonly question: string }) =>
  (await run(agent, asking.question)).finalOutput ?? '';
const streamed = (agent: Agent) => async (asking: { readonly question: string }) =>
  (await run(agent, asking.question, { stream: true })).toTextStream();

await serveAgents(
  {
    ...Object.fromEntries(Object.entries(agents).map(([name, agent]) => [name, whole(agent)])),
    ...Object.fromEntries(Object.entries(agents).map(([name, agent]) => [`${name}Streamed`, streamed(agent)])),
    handOff: whole(handOff),
    handOffStreamed: streamed(handOff),
    delegate: whole(delegate),
    delegateStreamed: streamed(delegate),
  },
  telemetry,
  () => Promise.all([overStdio.close(), overHttp.close()]),
);
