import { context, propagation, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceServer, traceTransport } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { host } from './http-host.ts';
import { link } from './link.ts';
import type { Link } from './link.ts';
import { serve as onLoopback } from './loopback.ts';
import { text, v1, v2 } from './sdk.ts';
import type { TestClient, Tool } from './sdk.ts';
import { activeSpanId, inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
});

const inFlightOf = (client: TestClient): number => (client.transport as { [inFlightKey]: number })[inFlightKey];
const work: Record<string, Tool> = {
  work: async ({ text: name }) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    return inSpan(`work ${name}`, async () => name);
  },
};

/** That each of `names` is one unbroken chain: agent → CLIENT → SERVER → work. */
function expectChains(names: readonly string[]): void {
  const byId = new Map(telemetry.spans().map((span) => [span.spanContext().spanId, span]));
  const above = (span: ReadableSpan | undefined): ReadableSpan | undefined =>
    byId.get(parentOf(span as ReadableSpan) ?? '');
  const chains = names.map((name) => {
    const leaf = telemetry.find(`work ${name}`);
    const into = above(leaf);
    const out = above(into);
    return [into?.kind, out?.kind, above(out)?.name];
  });
  expect(chains).toEqual(names.map((name) => [SpanKind.SERVER, SpanKind.CLIENT, `agent ${name}`]));
}

describe.each([v1, v2(), v2(true)])('$name over Streamable HTTP', (sdk) => {
  test('200 calls at the same time on one session have each their own parent', async () => {
    const linked = await link(sdk, 'Streamable HTTP', { tools: work });
    cleanups.push(() => linked.close());
    await telemetry.reset();
    const names = Array.from({ length: 200 }, (_, at) => String(at));
    const answers = await Promise.all(
      names.map((name) => inSpan(`agent ${name}`, async () => text(await sdk.call(linked.client, 'work', name)))),
    );
    expect(answers).toEqual(names);
    expectChains(names);
    expect(linked.inFlight()).toBe(0);
  });

  test('several clients on one server do not mix', async () => {
    const served = await host(sdk, sdk.key === 'v2-modern' ? 'handler' : 'session', work);
    cleanups.push(() => served.close());
    const clients = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const client = traceClient(sdk.client());
        await client.connect(sdk.http(served.url) as never);
        cleanups.push(() => client.close());
        return client;
      }),
    );
    await telemetry.reset();
    const names = clients.flatMap((_, at) => ['a', 'b', 'c'].map((name) => `${at}${name}`));
    await Promise.all(
      names.map((name) =>
        inSpan(`agent ${name}`, () => sdk.call(clients[Number(name[0])] as TestClient, 'work', name)),
      ),
    );
    expectChains(names);
  });
});

describe.each([v1, v2()])('$name: a failure without a value', (sdk) => {
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'work' } } as const;
  const undefinedOf = async (fn: () => unknown): Promise<void> => {
    let thrown: unknown = 'nothing';
    try {
      await fn();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeUndefined();
  };
  const expectFailed = (kind: SpanKind): void => {
    const { attributes, status } = spanOf(telemetry, 'tools/call work', kind);
    expect(attributes['error.type']).toBe('_OTHER');
    expect(status.code).toBe(SpanStatusCode.ERROR);
  };

  test.each([
    ['rejects', () => Promise.reject()],
    [
      'throws',
      () => {
        throw undefined;
      },
    ],
  ])('a send that %s with undefined ends its span as one', async (_, send) => {
    const [near] = sdk.memory();
    near.send = send;
    const traced = traceTransport(near) as unknown as { send(message: unknown): Promise<void>; [inFlightKey]: number };
    await undefinedOf(() => traced.send(call));
    expectFailed(SpanKind.CLIENT);
    expect(traced[inFlightKey]).toBe(0);
  });

  test('and so does a handler of messages that throws it', async () => {
    const [near, far] = sdk.memory();
    const traced = traceTransport(far) as unknown as { onmessage: () => void; start(): Promise<void> };
    traced.onmessage = () => {
      throw undefined;
    };
    await traced.start();
    await undefinedOf(() => near.send(call as never));
    expectFailed(SpanKind.SERVER);
  });
});

describe.each([v1, v2()])('$name over HTTP to an IPv6 address', (sdk) => {
  test('the address has no brackets, and is private', async () => {
    const client = traceClient(sdk.client());
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    // Nobody listens there.
    const connected = context.with(propagation.setBaggage(context.active(), baggage), () =>
      client.connect(sdk.http(new URL('http://[::1]:9/mcp')) as never),
    );
    await expect(connected).rejects.toThrow();
    const { attributes } = spanOf(telemetry, 'initialize', SpanKind.CLIENT);
    expect(attributes).toMatchObject({ 'server.address': '::1', 'server.port': 9 });
    expect(attributes).not.toHaveProperty('throughline.baggage.withheld');
  });

  test.each(['2001:db8::1', '2001:db8::*'])('firstParty: %s matches it', async (pattern) => {
    const never: typeof fetch = () => Promise.reject(new TypeError('not sent'));
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    for (const firstParty of [[], [pattern]]) {
      const client = traceClient(sdk.client(), { firstParty });
      const connected = context.with(propagation.setBaggage(context.active(), baggage), () =>
        client.connect(sdk.http(new URL('http://[2001:db8::1]/mcp'), { fetch: never }) as never),
      );
      await expect(connected).rejects.toThrow('not sent');
    }
    const withheld = telemetry.spans().map(({ attributes }) => attributes['throughline.baggage.withheld']);
    expect(withheld).toEqual([1, undefined]);
  });
});

describe.each([v1, v2()])('$name: two servers, one behind the other', (sdk) => {
  const relay = (next: Link): Record<string, Tool> => ({
    relay: async ({ text: name, meta }) =>
      text(await sdk.call(next.client, 'work', name, undefined, JSON.parse(JSON.stringify(meta ?? {})))),
  });

  test('a traced gateway that relays _meta is a step of the chain, not a way around it', async () => {
    const back = await link(sdk, 'Streamable HTTP', { tools: work });
    const front = await link(sdk, 'Streamable HTTP', { tools: relay(back) });
    cleanups.push(
      () => back.close(),
      () => front.close(),
    );
    await telemetry.reset();
    await inSpan('agent', () => sdk.call(front.client, 'relay', 'x'));
    const into = spanOf(telemetry, 'tools/call relay', SpanKind.SERVER);
    const out = spanOf(telemetry, 'tools/call work', SpanKind.CLIENT);
    expect(parentOf(out)).toBe(into.spanContext().spanId);
    expect(parentOf(spanOf(telemetry, 'tools/call work', SpanKind.SERVER))).toBe(out.spanContext().spanId);
  });

  test('a gateway without tracing that relays _meta keeps the chain whole', async () => {
    const server = traceServer(sdk.server(work));
    const plain = sdk.client();
    const [near, far] = sdk.memory();
    await server.connect(far as never);
    await plain.connect(near as never);
    const gateway = sdk.server({
      relay: async ({ text: name, meta }) =>
        text(await sdk.call(plain, 'work', name, undefined, JSON.parse(JSON.stringify(meta ?? {})))),
    });
    const client = traceClient(sdk.client());
    const [a, b] = sdk.memory();
    await gateway.connect(b as never);
    await client.connect(a as never);
    cleanups.push(
      () => client.close(),
      () => plain.close(),
    );
    await telemetry.reset();
    await inSpan('agent', () => sdk.call(client, 'relay', 'x'));
    const out = spanOf(telemetry, 'tools/call relay', SpanKind.CLIENT);
    expect(parentOf(spanOf(telemetry, 'tools/call work', SpanKind.SERVER))).toBe(out.spanContext().spanId);
  });
});

/** Keeps what was sent on each stream, for a client that comes back. */
class Events {
  readonly #events: { id: string; stream: string; message: unknown }[] = [];
  replayed = 0;

  async storeEvent(stream: string, message: unknown): Promise<string> {
    const id = `${stream}#${this.#events.length}`;
    this.#events.push({ id, stream, message });
    return id;
  }

  async replayEventsAfter(
    last: string,
    { send }: { send: (id: string, message: never) => Promise<void> },
  ): Promise<string> {
    const from = this.#events.findIndex(({ id }) => id === last);
    const stream = last.slice(0, last.lastIndexOf('#'));
    for (const event of this.#events.slice(from + 1))
      if (event.stream === stream && Object.keys(event.message as object).length > 0) {
        this.replayed++;
        await send(event.id, event.message as never);
      }
    return stream;
  }
}

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<URL> {
  const { url, close } = await onLoopback(handle);
  cleanups.push(close);
  return url;
}

describe.each([v1, v2()])('$name: a stream that breaks off', (sdk) => {
  // https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
  test('is resumed: what is replayed reaches its caller, once, and opens no second span', async () => {
    const Transport = sdk.key === 'v1' ? StreamableHTTPServerTransport : NodeStreamableHTTPServerTransport;
    const events = new Events();
    const options: object = {
      sessionIdGenerator: randomUUID,
      eventStore: events as never,
      retryInterval: 20,
    };
    const transport = new Transport(options);
    const server = traceServer(
      sdk.server({
        slow: async ({ extra, progress }) => {
          await progress(1);
          const { closeSSEStream } = extra as { closeSSEStream?: () => void };
          const { http } = extra as { http?: { closeSSE?: () => void } };
          (closeSSEStream ?? http?.closeSSE)?.();
          // While nobody listens.
          await progress(2);
          return inSpan('work', async () => 'done');
        },
      }),
    );
    await server.connect(transport as never);
    const url = await serve((request, response) => transport.handleRequest(request, response));
    const client = traceClient(sdk.client());
    cleanups.push(() => client.close());
    await client.connect(sdk.http(url) as never);
    await telemetry.reset();
    const seen: unknown[] = [];
    const answer = await inSpan('agent', () =>
      sdk.call(client, 'slow', undefined, { onprogress: () => seen.push(activeSpanId()) }).then((result) => {
        seen.push(activeSpanId());
        return result;
      }),
    );
    expect(text(answer)).toBe('done');
    expect(events.replayed).toBeGreaterThan(0);
    const { spanId } = telemetry.find('agent').spanContext();
    expect(seen).toEqual([spanId, spanId, spanId]);
    const out = spanOf(telemetry, 'tools/call slow', SpanKind.CLIENT);
    expect(out.attributes).not.toHaveProperty('error.type');
    expect(parentOf(spanOf(telemetry, 'tools/call slow', SpanKind.SERVER))).toBe(out.spanContext().spanId);
    expect(inFlightOf(client)).toBe(0);
  });
});

// https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
describe('SDK v1 over the HTTP+SSE of 2024-11-05', () => {
  test('each call is one trace under its own caller, and the span of connect() leaks into none', async () => {
    const transports = new Map<string, SSEServerTransport>();
    const url = await serve(async (request, response) => {
      if (request.method === 'GET') {
        const transport = new SSEServerTransport('/messages', response);
        transports.set(transport.sessionId, transport);
        await traceServer(v1.server({ ...work, ask: ({ sample }) => sample('why?') })).connect(transport as never);
        return;
      }
      const id = new URL(request.url ?? '', 'http://localhost').searchParams.get('sessionId') ?? '';
      await transports.get(id)?.handlePostMessage(request, response);
    });
    const client = traceClient(v1.client());
    v1.onSampling(client, () => inSpan('model', async () => 'because'));
    cleanups.push(() => client.close());
    await inSpan('startup', () => client.connect(new SSEClientTransport(url) as never));
    await telemetry.reset();
    const names = Array.from({ length: 20 }, (_, at) => String(at));
    await Promise.all(names.map((name) => inSpan(`agent ${name}`, () => v1.call(client, 'work', name))));
    expectChains(names);
    await inSpan('asker', () => v1.call(client, 'ask'));
    expect(telemetry.find('model').spanContext().traceId).toBe(telemetry.find('asker').spanContext().traceId);
    const { attributes } = spanOf(telemetry, 'tools/call ask', SpanKind.CLIENT);
    expect(attributes).toMatchObject({ 'network.transport': 'tcp', 'server.address': '127.0.0.1' });
    await telemetry.reset();
    await v1.call(client, 'work', 'alone');
    expect(parentOf(spanOf(telemetry, 'tools/call work', SpanKind.CLIENT))).toBeUndefined();
    expect(inFlightOf(client)).toBe(0);
  });
});
