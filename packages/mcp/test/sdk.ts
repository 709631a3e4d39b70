import * as v2client from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport as MemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CreateMessageRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import * as v2server from '@modelcontextprotocol/server';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';

/** What a tool of these tests can do, the same on both SDKs. */
export interface ToolCall {
  readonly text: string;
  readonly meta: Record<string, unknown> | undefined;
  readonly signal: AbortSignal;
  /** The last argument of the SDK's own handler. */
  readonly extra: unknown;
  sample(text: string): Promise<string>;
  progress(progress: number): Promise<void>;
  log(data: string): Promise<void>;
}

export type Tool = (call: ToolCall) => Promise<string> | string;

export interface Closable {
  connect(transport: never): Promise<void>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  readonly onprogress?: (progress: unknown) => void;
}

export interface CallResult {
  readonly isError?: boolean | undefined;
  readonly content: { readonly type: string; readonly text?: string }[];
}

/** The members of a client that these tests use; every SDK's own has them. */
export interface TestClient extends Closable {
  readonly transport: unknown;
  callTool(params: {
    name: string;
    arguments?: Record<string, unknown>;
    _meta?: Record<string, unknown>;
  }): Promise<unknown>;
  listTools(): Promise<unknown>;
  ping(): Promise<unknown>;
}

export interface TestServer extends Closable {
  readonly server: { readonly transport: unknown };
}

/** The SDK of that name in {@link Sdk.key}. */
export function sdkOf(key: string | undefined): Sdk {
  return key === 'v1' ? v1 : v2(key === 'v2-modern');
}

/** One SDK, under names that both share. */
export interface Sdk {
  readonly name: string;
  readonly key: 'v1' | 'v2' | 'v2-modern';
  client(): TestClient;
  server(tools?: Record<string, Tool>): TestServer;
  memory(): [TestTransport, TestTransport];
  stdio(
    script: string,
    args: string[],
    env?: Record<string, string>,
    command?: string,
  ): TestTransport & { readonly pid: number | null };
  http(url: URL, options?: { readonly fetch?: typeof fetch }): TestTransport;
  call(
    client: TestClient,
    name: string,
    text?: string,
    options?: CallOptions,
    meta?: Record<string, unknown>,
  ): Promise<CallResult>;
  onSampling(client: TestClient, handler: (text: string) => string | Promise<string>): void;
  onLog(client: TestClient, handler: (data: unknown) => void): void;
  onToolsChanged(client: TestClient, handler: () => void): void;
  toolsChanged(server: TestServer): Promise<void> | void;
}

export interface TestTransport {
  start(): Promise<void>;
  send(message: never, options?: never): Promise<void>;
  close(): Promise<void>;
}

const info = { name: 'test', version: '1.0.0' };
const input = { text: z.string().optional() };
// The first releases of v1 in our range take schemas of zod 3 alone.
const inputOfV1 = { text: z3.string().optional() };
const answered = (text: string) => ({ content: [{ type: 'text' as const, text }] });
const sampling = (text: string) => ({
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }],
  maxTokens: 10,
});
const sampled = (text: string) => ({
  model: 'm',
  role: 'assistant' as const,
  content: { type: 'text' as const, text },
});

export const v1: Sdk = {
  name: 'SDK v1',
  key: 'v1',
  client: () => new ClientV1(info, { capabilities: { sampling: {} } }),
  server(tools = {}) {
    const server = new McpServerV1(info, { capabilities: { logging: {}, tools: { listChanged: true } } });
    for (const [name, tool] of Object.entries(tools)) {
      server.registerTool(name, { inputSchema: inputOfV1 }, async ({ text = '' }, extra) =>
        answered(
          await tool({
            text,
            meta: extra._meta,
            signal: extra.signal,
            extra,
            async sample(question) {
              const { content } = await server.server.createMessage(sampling(question), {
                relatedRequestId: extra.requestId,
              });
              return textOf(content);
            },
            progress: (progress) =>
              extra.sendNotification({
                method: 'notifications/progress',
                params: { progressToken: extra._meta?.progressToken ?? 'none', progress },
              }),
            log: (data) => extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } }),
          }),
        ),
      );
    }
    return server;
  },
  memory: () => MemoryV1.createLinkedPair(),
  stdio: (script, args, env, command = process.execPath) =>
    new StdioV1({ command, args: [script, ...args], ...(env && { env }), stderr: 'inherit' }),
  http: (url, options) => new HttpV1(url, options),
  call: (client, name, text, options, meta) =>
    (client as unknown as ClientV1).callTool(params(name, text, meta), undefined, options) as Promise<CallResult>,
  onSampling(client, handler) {
    (client as unknown as ClientV1).setRequestHandler(CreateMessageRequestSchema, async ({ params: { messages } }) =>
      sampled(await handler(textOf(messages[0]?.content))),
    );
  },
  onLog(client, handler) {
    (client as unknown as ClientV1).setNotificationHandler(LoggingMessageNotificationSchema, (n) =>
      handler(n.params.data),
    );
  },
  onToolsChanged(client, handler) {
    (client as unknown as ClientV1).setNotificationHandler(ToolListChangedNotificationSchema, handler);
  },
  toolsChanged: (server) => (server as unknown as McpServerV1).server.sendToolListChanged(),
};

/** SDK v2; `modern` negotiates the revision of 2026-07-28. */
export function v2(modern = false): Sdk {
  return {
    name: modern ? 'SDK v2, revision 2026-07-28' : 'SDK v2',
    key: modern ? 'v2-modern' : 'v2',
    client: () =>
      new v2client.Client(info, {
        capabilities: { sampling: {} },
        ...(modern ? { versionNegotiation: { mode: 'auto' as const } } : undefined),
      }),
    server(tools = {}) {
      const server = new v2server.McpServer(info, { capabilities: { logging: {}, tools: { listChanged: true } } });
      for (const [name, tool] of Object.entries(tools)) {
        server.registerTool(name, { inputSchema: z.object(input) }, async ({ text = '' }, ctx) =>
          answered(
            await tool({
              text,
              meta: ctx.mcpReq._meta,
              signal: ctx.mcpReq.signal,
              extra: ctx,
              async sample(question) {
                const { content } = await ctx.mcpReq.requestSampling(sampling(question));
                return textOf(content);
              },
              progress: (progress) =>
                ctx.mcpReq.notify({
                  method: 'notifications/progress',
                  params: { progressToken: ctx.mcpReq._meta?.progressToken ?? 'none', progress },
                }),
              log: (data) => ctx.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } }),
            }),
          ),
        );
      }
      return server;
    },
    memory: () => v2server.InMemoryTransport.createLinkedPair(),
    stdio: (script, args, env, command = process.execPath) =>
      new StdioV2({ command, args: [script, ...args], ...(env && { env }), stderr: 'inherit' }),
    http: (url, options) => new v2client.StreamableHTTPClientTransport(url, options),
    call: (client, name, text, options, meta) =>
      (client as unknown as v2client.Client).callTool(params(name, text, meta), options),
    onSampling(client, handler) {
      (client as unknown as v2client.Client).setRequestHandler(
        'sampling/createMessage',
        async ({ params: { messages } }) => sampled(await handler(textOf(messages[0]?.content))),
      );
    },
    onLog(client, handler) {
      (client as unknown as v2client.Client).setNotificationHandler('notifications/message', (n) =>
        handler(n.params.data),
      );
    },
    onToolsChanged(client, handler) {
      (client as unknown as v2client.Client).setNotificationHandler('notifications/tools/list_changed', handler);
    },
    toolsChanged: (server) => (server as unknown as v2server.McpServer).sendToolListChanged(),
  };
}

function params(name: string, text: string | undefined, meta: Record<string, unknown> | undefined) {
  return { name, arguments: text === undefined ? {} : { text }, ...(meta === undefined ? undefined : { _meta: meta }) };
}

function textOf(content: unknown): string {
  const first: unknown = Array.isArray(content) ? content[0] : content;
  return (first as { text?: string } | undefined)?.text ?? '';
}

/** The text of a tool's answer. */
export function text(result: CallResult): string {
  return textOf(result.content);
}
