// One process of the desk: `node part.ts ROLE VARIANT PORT SETTINGS`, where PORT asks it what it has used.
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type * as Http from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type * as McpClient from '@modelcontextprotocol/sdk/client/index.js';
import type * as McpStdioClient from '@modelcontextprotocol/sdk/client/stdio.js';
import type * as McpHttpClient from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type * as McpServers from '@modelcontextprotocol/sdk/server/mcp.js';
import type * as McpStdioServer from '@modelcontextprotocol/sdk/server/stdio.js';
import type * as McpHttpServer from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type Express from 'express';
import type * as KafkaJS from 'kafkajs';
import { answer } from '../mcp/side-channel.ts';
import { startTelemetry } from '../telemetry.ts';
import type { Settings } from './crew.ts';
import { load, startTracing } from './tracing.ts';
import type { DeskVariant } from './tracing.ts';

const [role, variant, port, given = '{}'] = process.argv.slice(2) as [string, DeskVariant, string, string?];
const settings = JSON.parse(given) as Settings;
const telemetry = startTelemetry();
const tracing = startTracing(variant, telemetry);
let done = 0;
const answers = {
  spans: telemetry.spans,
  done: () => done,
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
};

const roles: Readonly<Record<string, () => Promise<string>>> = { gateway, planner, worker, library, reader };
const url = await (roles[role] as () => Promise<string>)();
await answer(Number(port), { ...answers, url: () => url });

async function gateway(): Promise<string> {
  const app = newApp();
  app.post('/questions', async (request, response) => {
    const planned = await tracing.fetch(`${settings.planner}/plans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request.body),
    });
    response.status(planned.status).json(await planned.json());
  });
  return listening(app as RequestListener);
}

async function planner(): Promise<string> {
  const producer = tracing.producer(kafka().producer());
  await producer.connect();
  const app = newApp();
  app.post('/plans', async (request, response) => {
    await producer.send({ topic: settings.topic, messages: [{ value: JSON.stringify(request.body) }] });
    response.status(202).json({ accepted: true });
  });
  return listening(app as RequestListener);
}

async function worker(): Promise<string> {
  const { Client } = load('@modelcontextprotocol/sdk/client/index.js') as typeof McpClient;
  const { StdioClientTransport } = load('@modelcontextprotocol/sdk/client/stdio.js') as typeof McpStdioClient;
  const { StreamableHTTPClientTransport } = load(
    '@modelcontextprotocol/sdk/client/streamableHttp.js',
  ) as typeof McpHttpClient;
  const identity = { name: 'worker', version: '1.0.0' };
  const search = tracing.client(new Client(identity));
  await search.connect(new StreamableHTTPClientTransport(new URL(settings.library)));
  const read = tracing.client(new Client(identity));
  const file = fileURLToPath(import.meta.url);
  const args = [...process.execArgv, file, 'reader', variant, String(settings.readerPort)];
  await read.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'inherit' }));
  const consumer = tracing.consumer(kafka().consumer({ groupId: settings.topic, maxWaitTimeInMs: 50 }));
  await consumer.connect();
  await consumer.subscribe({ topic: settings.topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const { question } = JSON.parse(message.value?.toString() ?? '{}') as { question: string };
      await search.callTool({ name: 'work', arguments: { text: question } });
      await read.callTool({ name: 'work', arguments: { text: question } });
      done += 1;
    },
  });
  return '';
}

async function library(): Promise<string> {
  const { StreamableHTTPServerTransport } = load(
    '@modelcontextprotocol/sdk/server/streamableHttp.js',
  ) as typeof McpHttpServer;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST' }).end();
      return;
    }
    // Stateless: a server and a transport for every request, as the SDK wants it.
    const server = tracing.server(newServer());
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    response.on('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response);
  };
  return listening((request, response) => void serve(request, response));
}

async function reader(): Promise<string> {
  const { StdioServerTransport } = load('@modelcontextprotocol/sdk/server/stdio.js') as typeof McpStdioServer;
  process.stdin.on('end', () => process.exit(0));
  await tracing.server(newServer()).connect(new StdioServerTransport());
  return '';
}

function newServer(): McpServers.McpServer {
  const { McpServer } = load('@modelcontextprotocol/sdk/server/mcp.js') as typeof McpServers;
  const z = load('zod') as typeof import('zod');
  const server = new McpServer({ name: role, version: '1.0.0' });
  server.registerTool('work', { inputSchema: { text: z.string() } }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  return server;
}

function newApp(): Express.Express {
  const express = load('express') as typeof Express;
  const app = express();
  tracing.app(app);
  app.use(express.json());
  return app;
}

async function listening(listener: RequestListener): Promise<string> {
  const http = load('node:http') as typeof Http;
  const server: Server = http.createServer(listener);
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function kafka(): KafkaJS.Kafka {
  const { Kafka, logLevel } = load('kafkajs') as typeof KafkaJS;
  return new Kafka({ clientId: role, brokers: settings.brokers.split(','), logLevel: logLevel.NOTHING });
}
