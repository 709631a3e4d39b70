/** Agents of OpenAI Agents: a question comes over HTTP, the tools are on MCP servers, and all of it is one trace. */
import { serveAgents, toolServer } from '@throughline/example-stand-ins';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';

const telemetry = startTelemetry('desk');
const {
  stdio: { command, args, env },
  http: { href: url },
} = toolServer();

// #region readme
import { MCPServerStdio, MCPServerStreamableHttp, setTraceProcessors } from '@openai/agents';
import { modelProvider } from '@throughline/core';
import { traceFetch } from '@throughline/fetch';
import { traceAgents, traceMcpServer } from '@throughline/openai-agents';
import OpenAI from 'openai';

setTraceProcessors([]); // OpenAI itself gets no traces
const undo = traceAgents();

const openai = new OpenAI({ fetch: traceFetch(fetch, modelProvider()) });
const local = traceMcpServer(new MCPServerStdio({ name: 'local', command, args, env }));
const library = traceMcpServer(new MCPServerStreamableHttp({ url, fetch: traceFetch() }));
// #endregion

import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, run } from '@openai/agents';

// What the tests compare with.
if (process.env['WITHOUT_BRIDGE'] !== undefined) undo();
const isTraced = process.env['UNTRACED'] === undefined;
const overStdio = isTraced ? local : new MCPServerStdio({ name: 'local', command, args, env });
const overHttp = isTraced ? library : new MCPServerStreamableHttp({ url });

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
