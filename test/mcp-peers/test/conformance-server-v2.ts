// A server for `@modelcontextprotocol/conformance`, SDK v2, of both revisions: `node conformance-server-v2.ts bare|traced`. It
// prints its port.
import { createMcpExpressApp } from '@modelcontextprotocol/express';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import {
  completable,
  createMcpHandler,
  fromJsonSchema,
  isLegacyRequest,
  McpServer,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import { z } from 'zod';
import { audio, defaults, description, elicited, embedded, enums, image, text, user } from './conformance-content.ts';
import { registerInput, state } from './conformance-input.ts';
import { listen, sessions } from './conformance-sessions.ts';

const traced = process.argv[2] === 'traced';
startTelemetry();

const cached = { ttlMs: 1000, cacheScope: 'public' as const };

function makeServer(): McpServer {
  const server = new McpServer(
    { name: 'conformance', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        logging: {},
        completions: {},
      },
      cacheHints: { 'tools/list': cached, 'prompts/list': cached, 'resources/list': cached, 'resources/read': cached },
      requestState: { verify: state.verify },
    },
  );
  const fixed = {
    test_streaming_elicitation: [text('nothing was asked')],
    test_simple_text: [text('This is a simple text response for testing.')],
    test_image_content: [image],
    test_audio_content: [audio],
    test_embedded_resource: [embedded('test://embedded-resource')],
    test_multiple_content_types: [
      text('Multiple content types test:'),
      image,
      embedded('test://mixed-content-resource'),
    ],
  };
  for (const [name, content] of Object.entries(fixed)) server.registerTool(name, { description }, () => ({ content }));
  server.registerTool('test_error_handling', { description }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  for (const name of ['test_tool_with_logging', 'test_logging_tool'])
    server.registerTool(name, { description }, async ({ mcpReq }) => {
      for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed'])
        await mcpReq.log('info', data);
      return { content: [text('done')] };
    });
  server.registerTool('test_tool_with_progress', { description }, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken ?? 0;
    for (const progress of [0, 50, 100])
      await mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` },
      });
    return { content: [text(String(progressToken))] };
  });
  server.registerTool(
    'test_sampling',
    { description, inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, { mcpReq }) => {
      const { content } = await mcpReq.requestSampling({
        messages: [{ role: 'user', content: text(prompt) }],
        maxTokens: 100,
      });
      return { content: [text(`LLM response: ${JSON.stringify(content)}`)] };
    },
  );
  server.registerTool(
    'test_elicitation',
    { description, inputSchema: z.object({ message: z.string() }) },
    async (args, { mcpReq }) => {
      const properties = { username: { type: 'string' as const }, email: { type: 'string' as const } };
      const answer = await mcpReq.elicitInput({
        message: args.message,
        requestedSchema: { type: 'object', properties, required: ['username', 'email'] },
      });
      return { content: [text(`User response: ${JSON.stringify(answer)}`)] };
    },
  );
  server.registerTool('test_elicitation_sep1034_defaults', { description }, async ({ mcpReq }) =>
    elicited(await mcpReq.elicitInput(defaults)),
  );
  server.registerTool('test_elicitation_sep1330_enums', { description }, async ({ mcpReq }) =>
    elicited(await mcpReq.elicitInput(enums)),
  );
  server.registerTool('test_reconnection', { description }, ({ http }) => {
    http?.closeSSE?.();
    return { content: [text('done')] };
  });
  server.registerTool(
    'json_schema_2020_12_tool',
    { description, inputSchema: fromJsonSchema(schema as never) },
    () => ({
      content: [],
    }),
  );
  const region = { type: 'string', 'x-mcp-header': 'Region' };
  const inHeader = { type: 'object', properties: { region }, required: ['region'] };
  server.registerTool('test_header', { description, inputSchema: fromJsonSchema(inHeader as never) }, () => ({
    content: [],
  }));
  server.registerTool('test_trigger_tool_change', { description }, () => {
    handler.notify.toolsChanged();
    return { content: [text('done')] };
  });
  server.registerTool('test_trigger_prompt_change', { description }, () => {
    handler.notify.promptsChanged();
    return { content: [text('done')] };
  });
  registerInput(server);

  server.registerResource('static-text', 'test://static-text', { mimeType: 'text/plain' }, ({ href: uri }) => ({
    contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
  }));
  server.registerResource('static-binary', 'test://static-binary', { mimeType: 'image/png' }, ({ href: uri }) => ({
    contents: [{ uri, mimeType: 'image/png', blob: image.data }],
  }));
  server.registerResource('watched', 'test://watched-resource', { description }, ({ href: uri }) => ({
    contents: [{ uri, text: 'x' }],
  }));
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { mimeType: 'application/json' },
    ({ href: uri }, { id }) => ({
      contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true }) }],
    }),
  );
  server.server.setRequestHandler('resources/subscribe', () => ({}));
  server.server.setRequestHandler('resources/unsubscribe', () => ({}));

  server.registerPrompt('test_simple_prompt', { description }, () =>
    user(text('This is a simple prompt for testing.')),
  );
  server.registerPrompt('test_prompt_with_image', { description }, () => user(image));
  const argsSchema = z.object({ arg1: completable(z.string(), () => ['paris', 'park']), arg2: z.string() });
  server.registerPrompt('test_prompt_with_arguments', { description, argsSchema }, ({ arg1, arg2 }) =>
    user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description, argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri }) => user(embedded(resourceUri)),
  );
  return traced ? traceServer(server) : server;
}

// The keywords of JSON Schema 2020-12 that have to arrive as they are.
const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { town: { type: 'string' } } } },
  properties: {
    address: { $ref: '#/$defs/address' },
    pickup: { type: 'boolean' },
    shop: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['address'] }, { required: ['pickup'] }] }],
  if: { properties: { pickup: { const: true } }, required: ['pickup'] },
  // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
  then: { required: ['shop'] },
  else: { required: ['address'] },
  additionalProperties: false,
};

const handler = createMcpHandler(makeServer);
const modern = toNodeHandler(handler);
// Sessions for the revision of 2025-11-25, and v2's own entry for the next one.
const legacy = sessions(NodeStreamableHTTPServerTransport, (transport) => makeServer().connect(transport));
const app = createMcpExpressApp();
app.all('/mcp', async (request, response) => {
  const body: unknown = request.body;
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as [string, string]);
  const asked = new Request('http://127.0.0.1/mcp', { method: request.method, headers });
  if (await isLegacyRequest(asked, body)) await legacy(request, response, body);
  else await modern(request, response, body);
});
listen(app);
