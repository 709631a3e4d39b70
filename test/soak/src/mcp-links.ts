import { randomUUID } from 'node:crypto';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { traceFetch } from '@throughline/fetch';
import { traceClient, traceServer } from '@throughline/mcp';
import { v1 } from './mcp-sdks.ts';
import type { CallResult, Sdk, Tools } from './mcp-sdks.ts';
import { options } from './options.ts';
import type { Soak } from './scenario.ts';
import { serve } from './serve.ts';

/** A traced client that is connected to a traced server. */
export interface Link {
  call(tool: string, chain: string, options?: Parameters<Sdk['call']>[3]): Promise<CallResult>;
  close(): Promise<void>;
}

export async function inMemory(soak: Soak, sdk: Sdk, tools: Tools): Promise<Link> {
  const [near, far] = sdk.memory();
  const client = traceClient(
    sdk.client((chain) => answer(soak, chain)),
    options,
  );
  // In a chain of its own, none of which may be found in a later call.
  await soak.chain(async () => {
    await traceServer(sdk.server(tools), options).connect(far as never);
    await client.connect(near as never);
  });
  return { call: (...args) => sdk.call(client, ...args), close: () => client.close() };
}

/**
 * Over Streamable HTTP, with SDK v1. Answers are streams of events: with `enableJsonResponse` the SDK itself keeps 4 KB of each call
 * until the session closes.
 */
export async function overHttp(soak: Soak, tools: Tools): Promise<Link> {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID });
  // To a server that asks over HTTP the client is an unknown, which gets no baggage unless it is said to be ours.
  const server = traceServer(v1.server(tools), { ...options, firstParty: true });
  const served = await serve((request, response) => void transport.handleRequest(request, response));
  const client = traceClient(
    v1.client((chain) => answer(soak, chain)),
    options,
  );
  await soak.chain(async () => {
    await server.connect(transport);
    const fetch = traceFetch(undefined, options);
    await client.connect(new StreamableHTTPClientTransport(new URL(served.origin), { fetch }));
  });
  return {
    call: (...args) => v1.call(client, ...args),
    async close() {
      await client.close();
      await server.close();
      await served.close();
    },
  };
}

function answer(soak: Soak, chain: string): string {
  soak.here(chain, 'client that is asked');
  return chain;
}
