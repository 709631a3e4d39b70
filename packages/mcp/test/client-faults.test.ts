import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { SpanKind } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceClient, traceServer } from '../src/index.ts';
import { host } from './http-host.ts';
import { v1, v2 } from './sdk.ts';
import type { Closable, Sdk, TestClient, TestTransport } from './sdk.ts';

let telemetry: Telemetry;
let silent: Server;
let dead: URL;
const urlOf = (server: Server): URL => new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);

async function listening(): Promise<Server> {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

beforeAll(async () => {
  telemetry = startTelemetry();
  silent = await listening();
  const gone = await listening();
  dead = urlOf(gone);
  gone.close();
  await once(gone, 'close');
});
afterEach(() => telemetry.reset());
afterAll(async () => {
  silent.close();
  await telemetry.shutdown();
});

type Wrap = <T extends Closable>(end: T) => T;
type Connect = (client: TestClient, transport: TestTransport, options?: object) => Promise<void>;

const node = (sdk: Sdk, program: string): TestTransport => sdk.stdio('-e', [program]);
const connect: Connect = (client, transport, options) =>
  (client.connect as (transport: unknown, options?: object) => Promise<void>)(transport, options);
const hang = (): Promise<string> => new Promise(() => {});

/** Connects a client to a server that this process runs, and does something with it. */
async function connected(sdk: Sdk, wrap: Wrap, use: (client: TestClient) => Promise<unknown>): Promise<unknown> {
  const [near, far] = sdk.memory();
  const server = wrap(sdk.server({ hang }));
  await server.connect(far as never);
  const client = wrap(sdk.client());
  await client.connect(near as never);
  return use(client).finally(() => client.close());
}

// What a legacy server does that knows no request before `initialize`: it exits, unless the client asks another process.
const LEGACY = `
  process.stdin.once('data', (line) => {
    const { id, method } = JSON.parse(line);
    if (method !== 'initialize') process.exit(1);
    const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'legacy', version: '1' } };
    console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });`;

interface Case {
  readonly name: string;
  /** `error.type` of the client's spans, first to last. */
  readonly types: readonly (string | undefined)[];
  run(sdk: Sdk, wrap: Wrap): Promise<unknown>;
}

const cases: Case[] = [
  {
    name: 'connecting to a server that is not there',
    types: ['ECONNREFUSED'],
    run: (sdk, wrap) => connect(wrap(sdk.client()), sdk.http(dead)),
  },
  {
    name: 'connecting to a server that does not answer in time, over HTTP',
    types: ['cancelled'],
    run: (sdk, wrap) => connect(wrap(sdk.client()), sdk.http(urlOf(silent)), { timeout: 50 }),
  },
  {
    name: 'connecting to a server that does not answer in time, over stdio',
    types: ['cancelled'],
    run: (sdk, wrap) => connect(wrap(sdk.client()), node(sdk, 'process.stdin.resume()'), { timeout: 50 }),
  },
  {
    name: 'connecting to a server that does not answer in time, in memory',
    types: ['cancelled'],
    async run(sdk, wrap) {
      const [near, far] = sdk.memory();
      await far.start();
      return connect(wrap(sdk.client()), near, { timeout: 50 });
    },
  },
  {
    name: 'connecting to a process that dies at once',
    types: ['connection_closed'],
    run: (sdk, wrap) => connect(wrap(sdk.client()), node(sdk, 'process.exit(3)')),
  },
  {
    name: 'connecting to a program that is not there',
    types: [],
    run: (sdk, wrap) => connect(wrap(sdk.client()), sdk.stdio('', [], undefined, 'no-such-program')),
  },
  {
    name: 'connecting to a process that dies of any request before `initialize`',
    types: [undefined],
    async run(sdk, wrap) {
      const client = wrap(sdk.client());
      await connect(client, node(sdk, LEGACY));
      await client.close();
    },
  },
  {
    name: 'a call that times out',
    types: ['cancelled'],
    run: (sdk, wrap) => connected(sdk, wrap, (client) => sdk.call(client, 'hang', 'x', { timeout: 50 })),
  },
  {
    name: 'a call that its caller aborts',
    types: ['cancelled'],
    run: (sdk, wrap) =>
      connected(sdk, wrap, (client) => sdk.call(client, 'hang', 'x', { signal: AbortSignal.timeout(50) })),
  },
  {
    name: 'a call of a server that has died',
    types: ['ECONNREFUSED'],
    async run(sdk, wrap) {
      const served = await host(sdk, sdk.key === 'v2-modern' ? 'handler' : 'session', {});
      const client = wrap(sdk.client());
      await client.connect(sdk.http(served.url) as never);
      await served.close();
      await telemetry.reset();
      return sdk.call(client, 'search').finally(() => client.close());
    },
  },
];

/** What an error says, without what differs from one run to the next. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return {
    type: error.constructor,
    name: error.name,
    message: error.message.replace(/:\d+$/, ''),
    code,
    cause: told(cause),
  };
}

const failureOf = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => 'nothing',
    (error: unknown) => told(error),
  );

const traced: Wrap = (end) => ('server' in end ? traceServer(end) : traceClient(end));

describe.each([v1, v2(), v2(true)])('what goes wrong is the same traced as bare, $name', (sdk) => {
  test.each(cases)('$name', async ({ run, types }) => {
    const bare = await failureOf(run(sdk, (end) => end));
    await telemetry.reset();
    expect(await failureOf(run(sdk, traced))).toEqual(bare);
    const spans = telemetry.spans().filter(({ kind, name }) => kind === SpanKind.CLIENT && name !== 'tools/list');
    const failed = spans.slice(types.length === 0 ? 0 : -types.length);
    expect(failed.map(({ attributes }) => attributes['error.type'])).toEqual(types);
  });
});
