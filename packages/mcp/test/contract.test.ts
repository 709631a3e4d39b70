import assert from 'node:assert/strict';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { adapterContract, deepFreeze, outcomeOf } from '@throughline/core/testing';
import type { AdapterHarness, Arrival, ContractTelemetry, Field, Outcome } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import { traceClient, traceConnection, traceServer, traceToolHandler, traceTransport } from '../src/index.ts';
import { text, v1, v2 } from './sdk.ts';
import type { CallResult, Sdk, TestClient, TestServer, TestTransport, Tool } from './sdk.ts';

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterAll(() => telemetry.shutdown());

const sdkTelemetry: ContractTelemetry = {
  spans: () => telemetry.spans(),
  reset: () => telemetry.reset(),
  hops: () => telemetry.hops(),
};

interface Message {
  readonly method?: string;
  readonly params?: { readonly arguments?: { readonly text?: string }; readonly _meta?: object };
}

const isCall = ({ method }: Message): boolean => method === 'tools/call';
const textOf = ({ params }: Message): string => params?.arguments?.text ?? '';
const brokenSpanFor = {
  'a `spanFor` function': {
    spanFor: (): boolean => {
      throw new Error('spanFor failed');
    },
  },
};
const onceInMeta = 'a JSON object has a name once';

interface Callbacks {
  onmessage?: ((...args: unknown[]) => void) | undefined;
  onclose?: (() => void) | undefined;
}

/** A transport as people write it by hand: an object whose methods call what was assigned to it. */
function byHand(transport: TestTransport): TestTransport {
  const inner = transport as TestTransport & Callbacks;
  const object: TestTransport & Callbacks = {
    onmessage: undefined,
    onclose: undefined,
    start() {
      inner.onmessage = (...args) => this.onmessage?.(...args);
      inner.onclose = () => this.onclose?.();
      return inner.start();
    },
    send: (message, options) => inner.send(message, options),
    close: () => inner.close(),
  };
  return object;
}

/** Connects in no context, as at the start of a program. */
async function connect(
  sdk: Sdk,
  client: TestClient,
  server: TestServer,
  ends: readonly TestTransport[] = sdk.memory(),
) {
  const [near, far] = ends;
  await context.with(ROOT_CONTEXT, async () => {
    await server.connect(far as never);
    await client.connect(near as never);
  });
}

function metaOf(fields: readonly Field[]): Record<string, unknown> {
  const meta: Record<string, unknown> = {};
  for (const [key, value] of fields)
    Object.defineProperty(meta, key, { value, enumerable: true, configurable: true, writable: true });
  return meta;
}

const refusedTool = ({ failed, value }: Outcome): void => {
  assert.equal(failed, false, 'a tool that is refused has a result');
  assert.equal((value as CallResult).isError, true);
  assert.match(text(value as CallResult), /^Refused: /);
};

/** Calls of a tool, through a traced client and a server that nobody traces. */
function clientOf(sdk: Sdk, wrap: 'traceClient' | 'traceTransport' | 'traceConnection', own = false): AdapterHarness {
  return {
    name: `${wrap}${own ? ' with a transport by hand' : ''}, ${sdk.name}`,
    transport: 'mcp',
    carrier: 'meta',
    telemetry: sdkTelemetry,
    throwing: brokenSpanFor,
    outbound: {
      async open({ options, twice }) {
        const wires = new Map<string, Field[]>();
        let instead: (() => unknown) | undefined;
        const bare = sdk.client();
        const client = wrap === 'traceClient' ? traceClient(twice ? traceClient(bare, options) : bare, options) : bare;
        const [end, far] = sdk.memory();
        const transport = own ? byHand(end) : end;
        const { send } = transport;
        transport.send = (message: Message, ...rest: never[]): Promise<void> => {
          if (isCall(message) && instead !== undefined) return instead() as Promise<void>;
          if (isCall(message)) wires.set(textOf(message), Object.entries(message.params?._meta ?? {}));
          return send.call(transport, message as never, ...rest);
        };
        const traced = (): TestTransport => traceTransport(transport, options);
        const near = wrap !== 'traceTransport' ? transport : twice ? traceTransport(traced(), options) : traced();
        await connect(sdk, client, sdk.server({ work: () => 'done' }), [near, far]);
        if (wrap === 'traceConnection')
          for (let time = twice ? 0 : 1; time < 2; time++) traceConnection(client, options);
        let calls = 0;
        return {
          async send(call) {
            const id = String(calls++);
            instead = call.instead;
            const outcome = await outcomeOf(() => {
              const params = { name: 'work', arguments: { text: id }, ...(call.fields && { _meta: call.fields }) };
              return (client as { callTool(params: unknown): unknown }).callTool(deepFreeze(params));
            });
            return { outcome, wire: wires.get(id) };
          },
          close: () => client.close(),
        };
      },
      cannot: { results: 'a transport sends, and the answer is a message of its own' },
      refused: refusedTool,
    },
  };
}

/** A tool that runs what arrives, by the number that it is called with. */
class Work {
  readonly #arrivals: Arrival[] = [];
  readonly tool: Tool = async ({ text: id }) => String(await this.handle(id));

  handle(id: string): unknown {
    return this.#arrivals[Number(id)]?.handle();
  }

  arrived(arrival: Arrival): string {
    return String(this.#arrivals.push(arrival) - 1);
  }
}

/** Calls of a tool, through a client that nobody traces and a traced server. */
function serverOf(sdk: Sdk, wrap: 'traceServer' | 'traceConnection', own = false): AdapterHarness {
  return {
    name: `${wrap}${own ? ' with a transport by hand' : ''}, ${sdk.name}`,
    transport: 'mcp',
    carrier: 'meta',
    telemetry: sdkTelemetry,
    throwing: brokenSpanFor,
    inbound: {
      async open({ options, twice }) {
        const work = new Work();
        const client = sdk.client();
        const bare = sdk.server({ work: work.tool });
        const [near, far] = sdk.memory();
        const once = wrap === 'traceServer' ? traceServer(bare, options) : bare;
        const server = wrap === 'traceServer' && twice ? traceServer(once, options) : once;
        await connect(sdk, client, server, [near, own ? byHand(far) : far]);
        if (wrap === 'traceConnection') for (let time = twice ? 0 : 1; time < 2; time++) traceConnection(bare, options);
        return {
          async deliver(arrival) {
            const id = work.arrived(arrival);
            const outcome = await outcomeOf(() => sdk.call(client, 'work', id, undefined, metaOf(arrival.fields)));
            return outcome;
          },
          close: () => client.close(),
        };
      },
      cannot: {
        repeats: onceInMeta,
        results: 'what a tool returns becomes a message',
        ...(own && { suppression: 'what is active where a transport of any kind receives says nothing of the caller' }),
      },
      refused: refusedTool,
      failure: {
        // The SDK makes a tool error of what has a text, and a protocol error of what has none.
        errorType: /^(?:tool_error|-32603)$/,
        assert: ({ failed, value }) =>
          assert(failed || (value as CallResult).isError === true, 'the SDK answers with an error'),
      },
    },
  };
}

/** Calls of a tool whose handler alone is traced. */
function handlerOf(sdk: Sdk): AdapterHarness {
  return {
    name: `traceToolHandler, ${sdk.name}`,
    transport: 'mcp',
    carrier: 'meta',
    telemetry: sdkTelemetry,
    inbound: {
      async open({ options, twice }) {
        const work = new Work();
        const named = { ...options, name: 'work' };
        const once = traceToolHandler(({ text: id }: { text: string }) => work.handle(id), named);
        const traced = twice ? traceToolHandler(once, named) : once;
        const outcomes = new Map<string, Outcome>();
        // What the SDK would make of a result or an error is the SDK's affair: here is what the handler came to.
        const handler = async (args: { text: string }, ...extra: never[]): Promise<{ content: [] }> => {
          outcomes.set(args.text, await outcomeOf(() => Reflect.apply(traced, undefined, [args, ...extra])));
          return { content: [] };
        };
        const info = { name: 'test', version: '1.0.0' };
        const server = sdk.key === 'v1' ? new McpServerV1(info) : (new McpServerV2(info) as unknown as McpServerV1);
        const inputSchema = sdk.key === 'v1' ? { text: z3.string() } : z.object({ text: z.string() });
        server.registerTool('work', { inputSchema: inputSchema as never }, handler as never);
        const client = sdk.client();
        await connect(sdk, client, server);
        return {
          async deliver(arrival) {
            const id = work.arrived(arrival);
            await sdk.call(client, 'work', id, undefined, metaOf(arrival.fields));
            return outcomes.get(id) as Outcome;
          },
          close: () => client.close(),
        };
      },
      cannot: { repeats: onceInMeta },
      refused: refusedTool,
    },
    functions: {
      wrap: (fn, options) => traceToolHandler(fn, { ...options, name: 'work' }),
      args: () => [{ text: 'x' }, { _meta: {}, requestId: 1, signal: new AbortController().signal }],
    },
  };
}

/** Clients, servers and transports as objects: each is used once, from connecting to one call. */
function objectsOf(sdk: Sdk): AdapterHarness[] {
  const shared = { transport: 'mcp', carrier: 'meta', telemetry: sdkTelemetry } as const;
  const callOnce = async (client: TestClient): Promise<void> => {
    await (client as { callTool(params: unknown): Promise<unknown> }).callTool({ name: 'work', arguments: {} });
    await client.close();
  };
  return [
    {
      ...shared,
      name: `a client as an object, ${sdk.name}`,
      objects: {
        method: 'connect',
        library: () => sdk.client(),
        wrap: (object, options) => traceClient(object as unknown as TestClient, options) as unknown as typeof object,
        async use(client, method) {
          const [near, far] = sdk.memory();
          await sdk.server({ work: () => 'done' }).connect(far as never);
          await client[method]?.(near);
          await callOnce(client as unknown as TestClient);
        },
      },
    },
    {
      ...shared,
      name: `a server as an object, ${sdk.name}`,
      objects: {
        method: 'connect',
        library: () => sdk.server({ work: () => 'done' }),
        wrap: (object, options) => traceServer(object as unknown as TestServer, options) as unknown as typeof object,
        async use(server, method) {
          const [near, far] = sdk.memory();
          const client = sdk.client();
          await server[method]?.(far);
          await client.connect(near as never);
          await callOnce(client);
        },
      },
    },
  ];
}

for (const sdk of [v1, v2()]) {
  const harnesses = [
    clientOf(sdk, 'traceClient'),
    clientOf(sdk, 'traceTransport'),
    clientOf(sdk, 'traceClient', true),
    clientOf(sdk, 'traceTransport', true),
    clientOf(sdk, 'traceConnection'),
    clientOf(sdk, 'traceConnection', true),
    serverOf(sdk, 'traceServer'),
    serverOf(sdk, 'traceServer', true),
    serverOf(sdk, 'traceConnection'),
    serverOf(sdk, 'traceConnection', true),
    handlerOf(sdk),
    ...objectsOf(sdk),
  ];
  for (const harness of harnesses) {
    describe(harness.name, () => {
      for (const { name, run } of adapterContract(harness)) it(name, run);
    });
  }
}
