/** Agents of LangChain and LangGraph: a question comes over HTTP, the tools are on MCP servers, and all of it is one trace. */
import { resumeTrace, saveTrace } from '@throughline/core';
import { serveAgents, toolServer } from '@throughline/example-stand-ins';
import { startTelemetry } from '@throughline/example-stand-ins/telemetry';

const telemetry = startTelemetry('desk');
const servers = toolServer();

// #region model
import { ChatOpenAI } from '@langchain/openai';
import { modelProvider } from '@throughline/core';
import { traceFetch } from '@throughline/fetch';
import { traceModel } from '@throughline/langchain';

const configuration = { fetch: traceFetch(fetch, modelProvider()) };
const chat = traceModel(new ChatOpenAI({ model: 'stand-in-1', configuration }));
const responses = traceModel(new ChatOpenAI({ model: 'stand-in-1', configuration, useResponsesApi: true }));
// #endregion

// #region mcp
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { traceConnection } from '@throughline/mcp';

const mcp = new MultiServerMCPClient({ stdio: servers.stdio, http: { url: servers.http.href } });
for (const name of ['stdio', 'http']) {
  const client = await mcp.getClient(name);
  if (client !== undefined) traceConnection(client);
}
// #endregion

// #region agent
import { createAgent } from 'langchain';
import { traceAgent, traceTool } from '@throughline/langchain';

const toolsOf = async (name: string) => (await mcp.getTools(name)).map((one) => traceTool(one));
const stdio = traceAgent(createAgent({ name: 'stdio', model: chat, tools: await toolsOf('stdio') }));
const http = traceAgent(createAgent({ name: 'http', model: responses, tools: await toolsOf('http') }));
// #endregion

import type { BaseMessage } from '@langchain/core/messages';
import { ToolMessage } from '@langchain/core/messages';
import { Command, interrupt, MemorySaver, MessagesValue, START, StateGraph, StateSchema } from '@langchain/langgraph';
import { tool } from 'langchain';
import { z } from 'zod';

const asking = (question: string) => ({ messages: [{ role: 'user' as const, content: question }] });
const answerOf = ({ messages }: { readonly messages: readonly BaseMessage[] }) => messages.at(-1)?.text ?? '';

async function* words(stream: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const chunk of stream) yield (chunk as readonly [BaseMessage])[0].text;
}

const ask_librarian = tool(async ({ input }: { input: string }) => answerOf(await stdio.invoke(asking(input))), {
  name: 'ask_librarian',
  description: 'Asks the librarian, an agent of its own',
  schema: z.object({ input: z.string() }),
});
const team = createAgent({ name: 'team', model: chat, tools: [traceTool(ask_librarian)] });

const transfer = tool(
  (_, { toolCall, state }: { toolCall?: { id?: string }; state?: { messages: BaseMessage[] } }) =>
    new Command({
      goto: 'librarian',
      graph: Command.PARENT,
      update: {
        messages: [
          ...(state?.messages ?? []),
          new ToolMessage({ content: 'handed over', tool_call_id: toolCall?.id ?? '' }),
        ],
      },
    }),
  { name: 'transfer_to_librarian', description: 'Hands over to the librarian', schema: z.object({}) },
);
const desk = createAgent({ name: 'desk', model: chat, tools: [traceTool(transfer)] });
const handoff = traceAgent(
  new StateGraph(new StateSchema({ messages: MessagesValue }))
    .addNode('desk', desk.graph, { ends: ['librarian'] })
    .addNode('librarian', stdio.graph)
    .addEdge(START, 'desk')
    .compile(),
  { name: 'desk' },
);

const approved = tool(
  async ({ query }: { query: string }) => {
    interrupt('May I?');
    return answerOf(await stdio.invoke(asking(query)));
  },
  { name: 'careful_search', description: 'Searches once somebody has agreed', schema: z.object({ query: z.string() }) },
);
const checkpointer = new MemorySaver();
const careful = traceAgent(createAgent({ name: 'careful', model: chat, tools: [traceTool(approved)], checkpointer }));
const waiting = new Map<string, string>();

await serveAgents(
  {
    stdio: async ({ question }) => answerOf(await stdio.invoke(asking(question))),
    http: async ({ question }) => answerOf(await http.invoke(asking(question))),
    streamed: async ({ question }) => words(await stdio.stream(asking(question), { streamMode: 'messages' })),
    chat: async ({ question }) => words(await http.stream(asking(question), { streamMode: 'messages' })),
    team: async ({ question }) => answerOf(await team.invoke(asking(question))),
    handoff: async ({ question }) => answerOf(await handoff.invoke(asking(question))),
    ask: async ({ question }) => {
      await careful.invoke(asking(question), { configurable: { thread_id: question } });
      waiting.set(question, saveTrace());
      return 'waiting';
    },
    approve: async ({ question }) =>
      resumeTrace(waiting.get(question), 'approved', async () =>
        answerOf(await careful.invoke(new Command({ resume: true }), { configurable: { thread_id: question } })),
      ),
  },
  telemetry,
  () => mcp.close(),
);
