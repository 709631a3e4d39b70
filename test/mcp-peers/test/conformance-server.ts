// A server for `@modelcontextprotocol/conformance`: `node conformance-server.ts bare|traced`. It prints its port.
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
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
import { z } from 'zod';
import { audio, defaults, description, elicited, embedded, enums, image, text, user } from './conformance-content.ts';
import { listen, sessions } from './conformance-sessions.ts';

const traced = process.argv[2] === 'traced';
startTelemetry();

function makeServer(): McpServer {
  const server = new McpServer(
    { name: 'conformance', version: '1.0.0' },
    { capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } } },
  );
  server.registerTool('test_simple_text', { description }, () => ({
    content: [text('This is a simple text response for testing.')],
  }));
  server.registerTool('test_image_content', { description }, () => ({ content: [image] }));
  server.registerTool('test_audio_content', { description }, () => ({
    content: [audio],
  }));
  server.registerTool('test_embedded_resource', { description }, () => ({
    content: [embedded('test://embedded-resource')],
  }));
  server.registerTool('test_multiple_content_types', { description }, () => ({
    content: [text('Multiple content types test:'), image, embedded('test://mixed-content-resource')],
  }));
  server.registerTool('test_error_handling', { description }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_logging', { description }, async (extra) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { content: [text('done')] };
  });
  server.registerTool('test_tool_with_progress', { description }, async (extra) => {
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
  server.registerTool(
    'test_sampling',
    { description, inputSchema: { prompt: z.string() } },
    async ({ prompt }, extra) => {
      const { content } = await server.server.createMessage(
        { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 },
        { relatedRequestId: extra.requestId },
      );
      return { content: [text(`LLM response: ${JSON.stringify(content)}`)] };
    },
  );
  server.registerTool(
    'test_elicitation',
    { description, inputSchema: { message: z.string() } },
    async ({ message }, extra) => {
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
    },
  );
  server.registerTool('test_elicitation_sep1034_defaults', { description }, async () =>
    elicited(await server.server.elicitInput(defaults)),
  );
  server.registerTool('test_elicitation_sep1330_enums', { description }, async () =>
    elicited(await server.server.elicitInput(enums)),
  );
  server.registerTool('test_reconnection', { description }, ({ closeSSEStream }) => {
    closeSSEStream?.();
    return { content: [text('done')] };
  });
  server.registerResource('static-text', 'test://static-text', { mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
  }));
  server.registerResource('static-binary', 'test://static-binary', { mimeType: 'image/png' }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'image/png', blob: image.data }],
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
  server.registerPrompt('test_simple_prompt', { description }, () =>
    user(text('This is a simple prompt for testing.')),
  );
  server.registerPrompt(
    'test_prompt_with_arguments',
    { description, argsSchema: { arg1: completable(z.string(), () => ['paris', 'park']), arg2: z.string() } },
    ({ arg1, arg2 }) => user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description, argsSchema: { resourceUri: z.string() } },
    (args) => user(embedded(args.resourceUri)),
  );
  server.registerPrompt('test_prompt_with_image', { description }, () => user(image));
  return traced ? traceServer(server) : server;
}

const handle = sessions(StreamableHTTPServerTransport, (transport) => makeServer().connect(transport));
const app = createMcpExpressApp();
app.all('/mcp', (request, response) => handle(request, response, request.body as unknown));
listen(app);
