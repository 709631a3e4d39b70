import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import * as v2client from '@modelcontextprotocol/client';
import * as v2server from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { TestClient, TestServer } from './sdk.ts';

/** What a client that can send everything has, on both SDKs. */
export interface FullClient extends TestClient {
  getPrompt(params: object): Promise<unknown>;
  readResource(params: object): Promise<unknown>;
  subscribeResource(params: object): Promise<unknown>;
  listPrompts(): Promise<unknown>;
  listResources(): Promise<unknown>;
  listResourceTemplates(): Promise<unknown>;
  complete(params: object): Promise<unknown>;
  setLoggingLevel(level: string): Promise<unknown>;
  sendRootsListChanged(): Promise<void>;
}

/** What a server that can ask for everything has. */
export interface FullServer extends TestServer {
  readonly server: TestServer['server'] & {
    createMessage(params: object): Promise<unknown>;
    elicitInput(params: object): Promise<unknown>;
    listRoots(): Promise<unknown>;
    ping(): Promise<unknown>;
    sendResourceUpdated(params: object): Promise<void>;
    sendToolListChanged(): Promise<void>;
  };
}

const info = { name: 'everything', version: '1.0.0' };
const clientCapabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
const serverCapabilities = { logging: {}, resources: { subscribe: true, listChanged: true }, completions: {} };
const message = { role: 'assistant' as const, content: { type: 'text' as const, text: 'because' }, model: 'm' };
const prompt = () => ({ messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'hi' } }] });
const resource = (uri: URL) => ({ contents: [{ uri: uri.href, text: 'x' }] });

/** What runs when the client is asked, and when the tool `ask` is called. */
export interface Hooks {
  onAsked?: (method: string) => void | Promise<void>;
  ask?: (server: FullServer) => Promise<unknown>;
}

export function fullClient(key: string, hooks: Hooks): FullClient {
  const asked = async <T>(method: string, answer: T): Promise<T> => {
    await hooks.onAsked?.(method);
    return answer;
  };
  const elicited = { action: 'accept' as const, content: { ok: true } };
  const roots = { roots: [{ uri: 'file:///x' }] };
  if (key === 'v1') {
    const client = new ClientV1(info, { capabilities: clientCapabilities });
    client.setRequestHandler(CreateMessageRequestSchema, () => asked('sampling/createMessage', message));
    client.setRequestHandler(ElicitRequestSchema, () => asked('elicitation/create', elicited));
    client.setRequestHandler(ListRootsRequestSchema, () => asked('roots/list', roots));
    return client;
  }
  const client = new v2client.Client(info, {
    capabilities: clientCapabilities,
    ...(key === 'v2-modern' ? { versionNegotiation: { mode: 'auto' as const } } : undefined),
  });
  client.setRequestHandler('sampling/createMessage', () => asked('sampling/createMessage', message));
  client.setRequestHandler('elicitation/create', () => asked('elicitation/create', elicited));
  client.setRequestHandler('roots/list', () => asked('roots/list', roots));
  return client;
}

export function fullServer(key: string, hooks: Hooks): FullServer {
  const answer = { content: [{ type: 'text' as const, text: 'done' }] };
  if (key === 'v1') {
    const server = new McpServerV1(info, { capabilities: serverCapabilities });
    server.registerTool('ask', {}, async () => {
      await hooks.ask?.(server);
      return answer;
    });
    server.registerPrompt('greet', { argsSchema: { who: completable(z.string(), () => ['you']) } }, prompt);
    server.registerResource('x', 'test://x', {}, resource);
    server.server.setRequestHandler(
      z.object({ method: z.literal('resources/subscribe'), params: z.unknown() }) as never,
      () => ({}),
    );
    return server;
  }
  const server = new v2server.McpServer(info, { capabilities: serverCapabilities });
  server.registerTool('ask', { inputSchema: z.object({}) }, async () => {
    await hooks.ask?.(server);
    return answer;
  });
  server.registerPrompt(
    'greet',
    { argsSchema: z.object({ who: v2server.completable(z.string(), () => ['you']) }) },
    prompt,
  );
  server.registerResource('x', 'test://x', {}, resource);
  server.server.setRequestHandler('resources/subscribe', () => ({}));
  return server;
}

/** A request from client to server. */
interface Row {
  readonly method: string;
  /** Where the specification has it, under the same address in every revision. */
  readonly paragraph: string;
  /** The span's name where it is not the method. */
  readonly name?: string;
  readonly send: (client: FullClient) => Promise<unknown>;
}

/** What a client can ask of a {@link fullServer}, whatever the revision. */
export const asked: readonly Row[] = [
  {
    method: 'tools/call',
    name: 'tools/call ask',
    paragraph: 'server/tools#calling-tools',
    send: (client) => client.callTool({ name: 'ask', arguments: {} }),
  },
  {
    method: 'prompts/get',
    name: 'prompts/get greet',
    paragraph: 'server/prompts#getting-a-prompt',
    send: (client) => client.getPrompt({ name: 'greet', arguments: { who: 'you' } }),
  },
  {
    method: 'resources/read',
    paragraph: 'server/resources#reading-resources',
    send: (client) => client.readResource({ uri: 'test://x' }),
  },
  { method: 'tools/list', paragraph: 'server/tools#listing-tools', send: (client) => client.listTools() },
  { method: 'prompts/list', paragraph: 'server/prompts#listing-prompts', send: (client) => client.listPrompts() },
  {
    method: 'resources/list',
    paragraph: 'server/resources#listing-resources',
    send: (client) => client.listResources(),
  },
  {
    method: 'resources/templates/list',
    paragraph: 'server/resources#resource-templates',
    send: (client) => client.listResourceTemplates(),
  },
  {
    method: 'completion/complete',
    paragraph: 'server/utilities/completion#requesting-completions',
    send: (client) =>
      client.complete({ ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: '' } }),
  },
];
