/**
 * A service whose callers set deadlines. A process of its own, under `--expose-gc`: sends itself POSTs with a deadline that is 23
 * days away, in the way that `process.argv[2]` says, and prints how many bytes it holds for each once all are answered.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import express from 'express';
import { Agent, request } from 'undici';
import { currentLineage, withDeadline } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceInterceptor } from '@throughline/fetch/undici';
import { traceClient, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';

const POSTS = 300;
const BODY = 82_000;
const DAYS_23 = 23 * 86_400_000;

const telemetry = startTelemetry();
const lineage = { mode: 'enforce' } as const;

const below = createServer((_req, res) => res.end('ok')).listen(0, '127.0.0.1');
await once(below, 'listening');
const url = `http://127.0.0.1:${(below.address() as AddressInfo).port}/`;

const [near, far] = InMemoryTransport.createLinkedPair();
const tools = new McpServer({ name: 'tools', version: '1.0.0' });
tools.registerTool('add', {}, () => ({ content: [] }));
await traceServer(tools).connect(far);
const client = traceClient(new Client({ name: 'agent', version: '1.0.0' }), { lineage });
await client.connect(near);

const tracedFetch = traceFetch(undefined, { lineage });
const dispatcher = new Agent().compose(traceInterceptor({ lineage }));
// One for all requests, as a service has that aborts what runs when it stops.
const stop = new AbortController();

const ways: Record<string, (body: string, res: express.Response) => unknown> = {
  signal: () => currentLineage()?.signal,
  listener: (body, res) => {
    currentLineage()?.signal?.addEventListener('abort', () => res.end(body));
  },
  fetch: async () => (await tracedFetch(url)).text(),
  'fetch with a signal of its own': async () => (await tracedFetch(url, { signal: stop.signal })).text(),
  undici: async () => (await request(url, { dispatcher })).body.text(),
  mcp: () => client.callTool({ name: 'add' }),
  withDeadline: () => withDeadline(DAYS_23, (signal) => signal.addEventListener('abort', () => {})),
  'nothing of ours': () => {},
};

const work = ways[process.argv[2] ?? ''] ?? (() => Promise.reject(new Error(`no such way: ${process.argv[2]}`)));
// What an application or another library keeps of each request.
const requests = new AsyncLocalStorage<{ readonly body: string }>();
const app = express();
app.use(traceContext({ lineage }));
app.use(express.text({ limit: '1mb' }));
app.post('/', (req, res, next) => {
  const body = req.body as string;
  requests.run({ body }, () => {
    Promise.resolve(work(body, res)).then(() => res.end('done'), next);
  });
});
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

async function post(): Promise<void> {
  const deadline = (Date.now() + DAYS_23).toString(36);
  const response = await fetch(own, {
    method: 'POST',
    headers: { 'content-type': 'text/plain', baggage: `throughline.lineage=1.1.32.1.${deadline}.-.-` },
    body: 'x'.repeat(BODY),
  });
  if ((await response.text()) !== 'done') throw new Error(`answered with ${response.status}`);
}

async function heap(): Promise<number> {
  await telemetry.reset();
  // What is finalized frees more.
  for (let turn = 0; turn < 10; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

for (let warm = 0; warm < 30; warm++) await post();
const before = await heap();
for (let posts = 0; posts < POSTS; posts++) await post();
process.stdout.write(JSON.stringify({ bytes: Math.round(((await heap()) - before) / POSTS) }));
process.exit();
