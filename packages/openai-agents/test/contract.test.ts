import assert from 'node:assert/strict';
import { MCPServerStreamableHttp } from '@openai/agents-core';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Field, Outcome } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { traceMcpServer } from '../src/index.ts';
import type { McpServerLike } from '../src/index.ts';
import { startToolServer } from './tool-server.ts';
import type { ToolServer } from './tool-server.ts';

let telemetry: Telemetry;
let tools: ToolServer;
beforeAll(async () => {
  telemetry = startTelemetry();
  tools = await startToolServer();
});
afterAll(async () => {
  await tools.close();
  await telemetry.shutdown();
});

/** A server of the framework, connected in no context, as at the start of a program. */
async function connected(): Promise<MCPServerStreamableHttp> {
  const server = new MCPServerStreamableHttp({ url: tools.url });
  await context.with(ROOT_CONTEXT, () => server.connect());
  return server;
}

type Method = 'callTool' | 'callToolResult';
type Call = (tool: string, args: object, meta?: object | null, options?: object) => Promise<unknown>;

const shared: Pick<AdapterHarness, 'transport' | 'carrier' | 'telemetry'> = {
  transport: 'mcp',
  carrier: 'meta',
  telemetry: {
    spans: () => telemetry.spans(),
    reset: () => telemetry.reset(),
    hops: () => telemetry.hops(),
  },
};

/** Calls of a tool, by either method that the framework calls. */
function caller(method: Method): AdapterHarness {
  return {
    ...shared,
    name: `traceMcpServer, ${method}`,
    outbound: {
      async open({ options, twice }) {
        const wires = new Map<string, Field[]>();
        let instead: (() => unknown) | undefined;
        const bare = await connected();
        const own = bare[method].bind(bare) as Call;
        bare[method] = ((tool: string, args: { query: string }, meta?: object, rest?: object) => {
          if (instead !== undefined) return instead();
          wires.set(args.query, Object.entries(meta ?? {}));
          return own(tool, args, meta, rest);
        }) as never;
        const once = traceMcpServer(bare, options);
        const server = twice ? traceMcpServer(once, options) : once;
        let calls = 0;
        return {
          async send({ fields, instead: given }) {
            const query = String(calls++);
            instead = given;
            const outcome = await outcomeOf(() => (server[method] as Call)('search', { query }, deepFreeze(fields)));
            return { outcome, wire: wires.get(query) };
          },
          close: () => bare.close(),
        };
      },
      refused({ failed, value }: Outcome) {
        assert.equal(failed, false, 'a tool that is refused has a result');
        const content = method === 'callTool' ? value : (value as { content: unknown }).content;
        assert.equal((value as { isError?: unknown }).isError, true);
        assert.match((content as { text: string }[])[0]?.text ?? '', /^Refused: /);
      },
    },
  };
}

const objects: AdapterHarness = {
  ...shared,
  name: 'a server as an object',
  objects: {
    method: 'callTool',
    library: connected,
    wrap: (object, options) => traceMcpServer(object as McpServerLike, options) as typeof object,
    use: async (server, method) => server[method]?.('search', { query: 'mine' }),
  },
};

for (const harness of [caller('callTool'), caller('callToolResult'), objects]) {
  describe(harness.name, () => {
    for (const { name, run } of adapterContract(harness)) it(name, run);
  });
}
