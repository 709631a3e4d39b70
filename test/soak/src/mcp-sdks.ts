import * as v2client from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import * as v2server from '@modelcontextprotocol/server';
import { z } from 'zod';

/** What a tool can do, the same on both SDKs. */
export interface ToolCall {
  readonly chain: string;
  readonly signal: AbortSignal;
  /** Asks the client's model. */
  ask(question: string): Promise<unknown>;
  progress(): Promise<void>;
}

export type Tools = Readonly<Record<string, (call: ToolCall) => Promise<string>>>;

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  readonly onprogress?: () => void;
}

export interface CallResult {
  readonly isError?: boolean | undefined;
  readonly content: readonly { readonly type: string; readonly text?: string }[];
}

/** One SDK, under names that both share. `answer` is the client's model. */
export interface Sdk {
  client(answer: (question: string) => string): Client | v2client.Client;
  server(tools: Tools): McpServer | v2server.McpServer;
  memory(): readonly [object, object];
  call(client: object, tool: string, chain: string, options?: CallOptions): Promise<CallResult>;
}

const info = { name: 'soak', version: '1.0.0' };
const sampling = { capabilities: { sampling: {} } };
const inputSchema = { chain: z.string() };
const text = (text: string) => ({ content: [{ type: 'text' as const, text }] });
const question = (text: string) => ({
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }],
  maxTokens: 10,
});
const sampled = (text: string) => ({
  model: 'none',
  role: 'assistant' as const,
  content: { type: 'text' as const, text },
});

export const v1: Sdk = {
  client(answer) {
    const client = new Client(info, sampling);
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => sampled(answer(asked(params.messages))));
    return client;
  },
  server(tools) {
    const server = new McpServer(info);
    for (const [name, tool] of Object.entries(tools)) {
      server.registerTool(name, { inputSchema }, async ({ chain }, extra) =>
        text(
          await tool({
            chain,
            signal: extra.signal,
            ask: (text) => server.server.createMessage(question(text), { relatedRequestId: extra.requestId }),
            progress: () =>
              extra.sendNotification({
                method: 'notifications/progress',
                params: { progressToken: extra._meta?.progressToken ?? 'none', progress: 1 },
              }),
          }),
        ),
      );
    }
    return server;
  },
  memory: () => InMemoryTransport.createLinkedPair(),
  call: (client, name, chain, options) =>
    (client as Client).callTool({ name, arguments: { chain } }, undefined, options) as Promise<CallResult>,
};

export const v2: Sdk = {
  client(answer) {
    const client = new v2client.Client(info, sampling);
    client.setRequestHandler('sampling/createMessage', ({ params }) => sampled(answer(asked(params.messages))));
    return client;
  },
  server(tools) {
    const server = new v2server.McpServer(info);
    for (const [name, tool] of Object.entries(tools)) {
      server.registerTool(name, { inputSchema: z.object(inputSchema) }, async ({ chain }, { mcpReq }) =>
        text(
          await tool({
            chain,
            signal: mcpReq.signal,
            ask: (text) => mcpReq.requestSampling(question(text)),
            progress: () =>
              mcpReq.notify({
                method: 'notifications/progress',
                params: { progressToken: mcpReq._meta?.progressToken ?? 'none', progress: 1 },
              }),
          }),
        ),
      );
    }
    return server;
  },
  memory: () => v2server.InMemoryTransport.createLinkedPair(),
  call: (client, name, chain, options) => (client as v2client.Client).callTool({ name, arguments: { chain } }, options),
};

function asked(messages: readonly { readonly content: unknown }[]): string {
  const [content] = [messages[0]?.content].flat() as { text?: string }[];
  return content?.text ?? '';
}
