import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { internalMesh, publicEdge } from '@throughline/core';
import { edgeSampler } from '@throughline/core/sdk';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { traceClient, traceServer } from '@throughline/mcp';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { checkChains, fromReadableSpans } from '@throughline/verify';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from './loopback.ts';
import type { Listening } from './loopback.ts';
import { echoServer, sessions } from './mcp-services.ts';

let telemetry: Telemetry;
const servers: Listening[] = [];
let gateway: Listening;
let client: Client;
const serve = async (...given: Parameters<typeof listen>): Promise<Listening> => {
  const server = await listen(...given);
  servers.push(server);
  return server;
};

beforeAll(async () => {
  telemetry = startTelemetry({ sampler: edgeSampler({ ratio: 0.1 }) });

  const tools = await serve(sessions(() => traceServer(echoServer(), internalMesh({ agent: 'library' }))));
  client = traceClient(new Client({ name: 'planner', version: '1.0.0' }), internalMesh({ agent: 'planner' }));
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${tools.port}/mcp`)));

  const planner = express();
  planner.use(traceContext(internalMesh({ agent: 'planner' })));
  planner.post('/plans', async (_request, response) => {
    await client.callTool({ name: 'echo' });
    response.end('planned');
  });
  const { port } = await serve(planner);

  const edge = express();
  edge.use(traceContext(publicEdge({ agent: 'gateway' })));
  const call = traceFetch(fetch, internalMesh({ agent: 'gateway' }));
  edge.post('/turns', async (_request, response) => {
    const plan = async (): Promise<string> => (await call(`http://127.0.0.1:${port}/plans`, { method: 'POST' })).text();
    await Promise.all([plan(), plan()]);
    response.end('done');
  });
  gateway = await serve(edge);
  await telemetry.reset();
});
afterAll(async () => {
  await client.close();
  await Promise.all(servers.map((server) => server.close()));
  await telemetry.shutdown();
});

test('1,000 agent turns at 10 % edge sampling over three services: no orphan, no half trace', async () => {
  for (let sent = 0; sent < 1000; sent += 20) {
    const turn = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${gateway.port}/turns`, { method: 'POST' })).text();
    expect(new Set(await Promise.all(Array.from({ length: 20 }, turn)))).toEqual(new Set(['done']));
  }
  const traces = new Map<string, ReadableSpan[]>();
  for (const span of telemetry.spans()) {
    const { traceId } = span.spanContext();
    traces.set(traceId, [...(traces.get(traceId) ?? []), span]);
  }
  // Six standard deviations of 1,000 at a tenth: 57.
  expect(Math.abs(traces.size - 100)).toBeLessThan(57);
  for (const spans of traces.values()) {
    const { verdict, findings } = checkChains(fromReadableSpans(spans), { expect: 'one-trace' });
    expect({ verdict, findings }).toEqual({ verdict: 'sound', findings: [] });
    // The turn, and twice a call to the planner, its work, its call of the tool, and the tool's.
    expect(spans.map(({ name }) => name).sort()).toEqual([
      'POST',
      'POST',
      'POST /plans',
      'POST /plans',
      'POST /turns',
      'tools/call echo',
      'tools/call echo',
      'tools/call echo',
      'tools/call echo',
    ]);
    // The edge's threshold is known all along the trace.
    expect(new Set(spans.map((span) => span.spanContext().traceState?.serialize()))).toEqual(new Set(['ot=th:e666']));
  }
}, 120_000);
