// A server for `@modelcontextprotocol/conformance`: `node conformance-server.ts bare|traced`. It prints its port.
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import {
  ElicitResultSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

const traced = process.argv[2] === 'traced';
startTelemetry();

const text = (value: string) => ({ type: 'text' as const, text: value });
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const image = { type: 'image' as const, data: pixel, mimeType: 'image/png' };
const embedded = (uri: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType: 'text/plain', text: 'embedded' },
});
const user = (content: ReturnType<typeof text> | typeof image | ReturnType<typeof embedded>) => ({
  messages: [{ role: 'user' as const, content }],
});

function makeServer(): McpServer {
  const server = new McpServer(
    { name: 'conformance', version: '1.0.0' },
    { capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } } },
  );
  server.registerTool('test_simple_text', {}, () => ({
    content: [text('This is a simple text response for testing.')],
  }));
  server.registerTool('test_image_content', {}, () => ({ content: [image] }));
  server.registerTool('test_audio_content', {}, () => ({
    content: [{ type: 'audio', data: 'UklGRiQAAABXQVZF', mimeType: 'audio/wav' }],
  }));
  server.registerTool('test_embedded_resource', {}, () => ({ content: [embedded('test://embedded-resource')] }));
  server.registerTool('test_multiple_content_types', {}, () => ({
    content: [text('Multiple content types test:'), image, embedded('test://mixed-content-resource')],
  }));
  server.registerTool('test_error_handling', {}, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_logging', {}, async (extra) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { content: [text('done')] };
  });
  server.registerTool('test_tool_with_progress', {}, async (extra) => {
    const progressToken = extra._meta?.progressToken ?? 0;
    for (const progress of [0, 50, 100]) {
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` },
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { content: [text(String(progressToken))] };
  });
  server.registerTool('test_sampling', { inputSchema: { prompt: z.string() } }, async ({ prompt }, extra) => {
    const { content } = await server.server.createMessage(
      { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 },
      { relatedRequestId: extra.requestId },
    );
    return { content: [text(`LLM response: ${JSON.stringify(content)}`)] };
  });
  server.registerTool('test_elicitation', { inputSchema: { message: z.string() } }, async ({ message }, extra) => {
    const requestedSchema = {
      type: 'object',
      properties: { username: { type: 'string' }, email: { type: 'string' } },
      required: ['username', 'email'],
    };
    const answer = await extra.sendRequest(
      { method: 'elicitation/create', params: { message, requestedSchema } } as never,
      ElicitResultSchema,
    );
    return { content: [text(`User response: ${JSON.stringify(answer)}`)] };
  });
  server.registerResource('static-text', 'test://static-text', { mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
  }));
  server.registerResource('static-binary', 'test://static-binary', { mimeType: 'image/png' }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'image/png', blob: pixel }],
  }));
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { mimeType: 'application/json' },
    (uri, { id }) => ({
      contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true }) }],
    }),
  );
  server.server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
  server.registerPrompt('test_simple_prompt', {}, () => user(text('This is a simple prompt for testing.')));
  server.registerPrompt(
    'test_prompt_with_arguments',
    { argsSchema: { arg1: completable(z.string(), () => ['paris', 'park']), arg2: z.string() } },
    ({ arg1, arg2 }) => user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  );
  server.registerPrompt('test_prompt_with_embedded_resource', { argsSchema: { resourceUri: z.string() } }, (args) =>
    user(embedded(args.resourceUri)),
  );
  server.registerPrompt('test_prompt_with_image', {}, () => user(image));
  return traced ? traceServer(server) : server;
}

const sessions = new Map<string, StreamableHTTPServerTransport>();
const http = createServer((request, response) => {
  void (async () => {
    const id = request.headers['mcp-session-id'];
    let transport = typeof id === 'string' ? sessions.get(id) : undefined;
    if (transport === undefined) {
      transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID });
      await makeServer().connect(transport);
    }
    await transport.handleRequest(request, response);
    if (transport.sessionId !== undefined) sessions.set(transport.sessionId, transport);
  })();
});
http.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(http.address() as AddressInfo).port}\n`);
});
