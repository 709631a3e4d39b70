/** An agent without a framework: it asks the model, calls the tool that it is told to, and asks again. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { bindAsyncIterable } from '@throughline/core';
import { traceConnection } from '@throughline/mcp';
import { serveAgents, toolServer } from '../src/index.ts';
import { startTelemetry } from '../src/telemetry.ts';

const telemetry = startTelemetry('desk');
const { stdio, http } = toolServer();
const clients = { stdio: new Client({ name: 'desk', version: '1' }), http: new Client({ name: 'desk', version: '1' }) };
await clients.stdio.connect(new StdioClientTransport(stdio));
await clients.http.connect(new StreamableHTTPClientTransport(http));
if (process.env['UNTRACED'] === undefined) for (const client of Object.values(clients)) traceConnection(client);

interface Call {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

async function complete(messages: readonly object[]): Promise<{ content: string; tool_calls?: Call[] }> {
  const response = await fetch(`${process.env['MODEL_URL']}/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ messages, tools: [{ type: 'function', function: { name: 'search' } }] }),
  });
  const answer = (await response.json()) as { choices: [{ message: { content: string; tool_calls?: Call[] } }] };
  return answer.choices[0].message;
}

const asking = (client: Client) => async (question: string) => {
  const messages: object[] = [{ role: 'user', content: question }];
  for (;;) {
    const message = await complete(messages);
    const [call] = message.tool_calls ?? [];
    if (call === undefined) return message.content;
    const input = JSON.parse(call.function.arguments) as Record<string, unknown>;
    const { content } = await client.callTool({ name: call.function.name, arguments: input });
    messages.push(message, { role: 'tool', tool_call_id: call.id, content });
  }
};

async function* words(question: string): AsyncGenerator<string> {
  yield* (await asking(clients.stdio)(question)).split(/(?<= )/);
}

await serveAgents(
  {
    stdio: ({ question }) => asking(clients.stdio)(question),
    http: ({ question }) => asking(clients.http)(question),
    words: async ({ question }) => bindAsyncIterable(words(question)),
  },
  telemetry,
  () => Promise.all(Object.values(clients).map((client) => client.close())),
);
