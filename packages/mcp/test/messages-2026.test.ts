import { toNodeHandler } from '@modelcontextprotocol/node';
import { LOG_LEVEL_META_KEY, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Client } from '@modelcontextprotocol/client';
import { createMcpHandler, InMemoryTransport, inputRequired } from '@modelcontextprotocol/server';
import type { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { context, SpanKind, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { traceClient, traceServer } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { asked, fullClient, fullServer } from './every-message.ts';
import type { FullClient, Hooks } from './every-message.ts';
import { serve } from './loopback.ts';
import { activeSpanId, inSpan, parentOf, spanOf } from './spans.ts';

// Each row of the table of messages as the revision of 2026-07-28 has it, and the paragraph that the message is from.
const spec = 'https://modelcontextprotocol.io/specification/2026-07-28/';

interface Message {
  readonly method?: string;
  readonly params?: { readonly _meta?: Record<string, unknown>; readonly requestId?: unknown };
}

let telemetry: Telemetry;
let client: Client;
const hooks: Hooks = {};
/** The messages that the client sent. */
const sent: Message[] = [];
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  telemetry = startTelemetry();
  delete hooks.onAsked;
});
afterEach(async () => {
  const open = (client.transport as unknown as { [inFlightKey]: number })[inFlightKey];
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await telemetry.shutdown();
  if (open !== 0) throw new Error(`${open} requests stay open`);
});

const requests = {
  'elicitation/create': inputRequired.elicit({ message: 'ok?', requestedSchema: z.object({ ok: z.boolean() }) }),
  'sampling/createMessage': inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: 'why?' } }],
    maxTokens: 1,
  }),
  'roots/list': inputRequired.listRoots(),
};

/** When a call of the tool `hang` has begun, and when it is given up: over HTTP each request has a server of its own. */
let calls: EventEmitter;
let begun: Promise<unknown>;
let given: Promise<unknown>;
beforeEach(() => {
  calls = new EventEmitter();
  begun = once(calls, 'begun');
  given = once(calls, 'given');
});

function makeServer(): McpServer {
  const server = fullServer('v2-modern', {}) as unknown as McpServer;
  const done = { content: [{ type: 'text' as const, text: 'done' }] };
  const method = z.enum(['elicitation/create', 'sampling/createMessage', 'roots/list']);
  server.registerTool('need', { inputSchema: z.object({ method }) }, (args, { mcpReq }) =>
    mcpReq.inputResponses === undefined ? inputRequired({ inputRequests: { it: requests[args.method] } }) : done,
  );
  server.registerTool('tell', {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken ?? 'none';
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
    await mcpReq.log('info', 'half way');
    return done;
  });
  server.registerTool('hang', {}, async ({ mcpReq }) => {
    mcpReq.signal.addEventListener('abort', () => calls.emit('given'));
    calls.emit('begun');
    await given;
    return done;
  });
  return traceServer(server);
}

interface Server {
  connect(client: Client): Promise<void>;
  /** Tells whoever listens that a list, and a resource, have changed. */
  changed(): Promise<void>;
}

const ways: readonly { readonly name: string; readonly http: boolean; open(): Promise<Server> }[] = [
  {
    name: 'through serveStdio',
    http: false,
    async open() {
      const [near, far] = InMemoryTransport.createLinkedPair();
      const { send } = near;
      near.send = (message, options) => {
        sent.push(message as Message);
        return send.call(near, message, options);
      };
      let server: McpServer | undefined;
      const handle = serveStdio(() => (server = makeServer()), { transport: far });
      cleanups.push(() => handle.close());
      return {
        connect: (unconnected) => unconnected.connect(near),
        async changed() {
          server?.sendToolListChanged();
          await server?.server.sendResourceUpdated({ uri: 'test://x' });
        },
      };
    },
  },
  {
    name: 'over Streamable HTTP',
    http: true,
    async open() {
      const handler = createMcpHandler(makeServer);
      const handle = toNodeHandler(handler);
      const served = await serve((request, response) => handle(request as never, response));
      cleanups.push(
        () => served.close(),
        () => handler.close(),
      );
      const recording: typeof fetch = (input, init) => {
        if (typeof init?.body === 'string') sent.push(JSON.parse(init.body) as Message);
        return fetch(input, init);
      };
      return {
        connect: (unconnected) =>
          unconnected.connect(new StreamableHTTPClientTransport(served.url, { fetch: recording })),
        async changed() {
          handler.notify.toolsChanged();
          handler.notify.resourceUpdated('test://x');
        },
      };
    },
  },
];

const requestsOf = (kind: SpanKind): ReadableSpan[] => telemetry.spans().filter((span) => span.kind === kind);
const carried = (method: string): string[] =>
  sent
    .filter((message) => message.method === method)
    .map((message) => String(message.params?._meta?.['traceparent']).slice(36, 52));

describe.each(ways)('SDK v2, revision 2026-07-28, $name: every message', ({ http, open }) => {
  let server: Server;
  const connecting = async (): Promise<void> => {
    server = await open();
    client = traceClient(fullClient('v2-modern', hooks) as unknown as Client);
    cleanups.push(() => client.close());
  };
  const connect = async (): Promise<void> => {
    await connecting();
    await server.connect(client);
    await telemetry.reset();
    sent.length = 0;
  };

  test(`server/discover is a CLIENT and a SERVER span, under whoever connects: ${spec}basic/versioning#protocol-version-negotiation`, async () => {
    sent.length = 0;
    await connecting();
    await inSpan('agent', () => server.connect(client));
    expect(client.getProtocolEra()).toBe('modern');
    const out = spanOf(telemetry, 'server/discover', SpanKind.CLIENT);
    expect(parentOf(out)).toBe(telemetry.find('agent').spanContext().spanId);
    expect(parentOf(spanOf(telemetry, 'server/discover', SpanKind.SERVER))).toBe(out.spanContext().spanId);
    expect(carried('server/discover')).toEqual([out.spanContext().spanId]);
    // There is no handshake: https://modelcontextprotocol.io/specification/2026-07-28/changelog#major-changes
    expect(sent.map(({ method }) => method)).toEqual(['server/discover']);
    expect(telemetry.spans()).toHaveLength(3);
  });

  test.each<(typeof asked)[number]>([
    { method: 'server/discover', paragraph: 'server/discover#request', send: () => client.discover() },
    ...asked,
  ])(`$method is a CLIENT and a SERVER span: ${spec}$paragraph`, async ({ method, name = method, send }) => {
    await connect();
    await inSpan('agent', () => send(client as unknown as FullClient));
    const out = spanOf(telemetry, name, SpanKind.CLIENT);
    const into = spanOf(telemetry, name, SpanKind.SERVER);
    expect(parentOf(out)).toBe(telemetry.find('agent').spanContext().spanId);
    expect(parentOf(into)).toBe(out.spanContext().spanId);
    for (const { attributes } of [out, into]) {
      expect(attributes).toMatchObject({ 'mcp.method.name': method, 'mcp.protocol.version': '2026-07-28' });
      expect(attributes).not.toHaveProperty('error.type');
      expect(attributes).not.toHaveProperty('mcp.session.id');
      expect(attributes).not.toHaveProperty('mcp.resource.uri');
    }
    expect(carried(method)).toEqual([out.spanContext().spanId]);
  });

  test(`trace context stands in _meta beside what the protocol keeps there: ${spec}basic/index#meta`, async () => {
    await connect();
    await inSpan('agent', () => client.callTool({ name: 'ask', arguments: {}, _meta: { mine: 1 } }));
    expect(Object.keys(sent[0]?.params?._meta ?? {}).toSorted()).toEqual([
      'baggage',
      'io.modelcontextprotocol/clientCapabilities',
      'io.modelcontextprotocol/clientInfo',
      'io.modelcontextprotocol/protocolVersion',
      'mine',
      'traceparent',
    ]);
  });

  test.each([
    { method: 'elicitation/create', paragraph: 'client/elicitation#elicitation-requests' },
    { method: 'sampling/createMessage', paragraph: 'client/sampling#creating-messages' },
    { method: 'roots/list', paragraph: 'client/roots#listing-roots' },
  ])(
    `$method is no message: the caller's context answers it, and the retry is a sibling, linked: ${spec}$paragraph`,
    async ({ method }) => {
      await connect();
      const seen: unknown[] = [];
      hooks.onAsked = (name) => void seen.push(name, activeSpanId());
      await inSpan('agent', () => client.callTool({ name: 'need', arguments: { method } }));
      const { spanId } = telemetry.find('agent').spanContext();
      expect(seen).toEqual([method, spanId]);
      const [first, second] = requestsOf(SpanKind.CLIENT);
      expect([first, second].map((span) => parentOf(span as ReadableSpan))).toEqual([spanId, spanId]);
      expect(second?.links.map((link) => link.context.spanId)).toEqual([first?.spanContext().spanId]);
      expect(requestsOf(SpanKind.SERVER).map(parentOf)).toEqual([
        first?.spanContext().spanId,
        second?.spanContext().spanId,
      ]);
      expect(sent.map((message) => message.method)).toEqual(['tools/call', 'tools/call']);
    },
  );

  test(`notifications/progress has no span and arrives in the context of its call: ${spec}basic/patterns/progress#progress-flow`, async () => {
    await connect();
    const seen: unknown[] = [];
    await inSpan('agent', () =>
      client.callTool({ name: 'tell', arguments: {} }, { onprogress: () => void seen.push(activeSpanId()) }),
    );
    expect(seen).toEqual([telemetry.find('agent').spanContext().spanId]);
    expect(telemetry.spans()).toHaveLength(3);
  });

  test(`notifications/message has no span and arrives in the trace of the call that asked for it: ${spec}server/utilities/logging#per-request-log-level`, async () => {
    await connect();
    const seen: unknown[] = [];
    client.setNotificationHandler('notifications/message', () => void seen.push(activeSpanId()));
    const _meta = { [LOG_LEVEL_META_KEY]: 'debug' };
    await inSpan('agent', () => client.callTool({ name: 'tell', arguments: {}, _meta }));
    await expect.poll(() => seen).toEqual([spanOf(telemetry, 'tools/call tell', SpanKind.SERVER).spanContext().spanId]);
    expect(telemetry.spans()).toHaveLength(3);
  });

  test(`a call that is given up ends both spans as cancelled: ${spec}basic/patterns/cancellation#transport-specific-cancellation`, async () => {
    await connect();
    const cancel = new AbortController();
    const call = inSpan('agent', () => client.callTool({ name: 'hang', arguments: {} }, { signal: cancel.signal }));
    await begun;
    cancel.abort('enough');
    await expect(call).rejects.toThrow();
    await given;
    const out = spanOf(telemetry, 'tools/call hang', SpanKind.CLIENT);
    expect(out.attributes['error.type']).toBe('cancelled');
    await expect.poll(() => requestsOf(SpanKind.SERVER)).toHaveLength(1);
    expect(spanOf(telemetry, 'tools/call hang', SpanKind.SERVER).attributes['error.type']).toBe('cancelled');
    // Over HTTP the end of the stream says it.
    expect(carried('notifications/cancelled')).toEqual(http ? [] : [out.spanContext().spanId]);
  });

  test(`a call that times out ends both spans: ${spec}basic/patterns/cancellation#timeouts`, async () => {
    await connect();
    await expect(client.callTool({ name: 'hang', arguments: {} }, { timeout: 100 })).rejects.toThrow('timed out');
    await given;
    expect(spanOf(telemetry, 'tools/call hang', SpanKind.CLIENT).attributes['error.type']).toBe('cancelled');
    await expect.poll(() => requestsOf(SpanKind.SERVER)).toHaveLength(1);
  });

  test(`subscriptions/listen has no span and carries the context; news on it continue no trace: ${spec}basic/patterns/subscriptions#receiving-notifications`, async () => {
    await connect();
    const seen: unknown[] = [];
    const look = (): void => void seen.push(trace.getSpanContext(context.active()));
    client.setNotificationHandler('notifications/tools/list_changed', look);
    client.setNotificationHandler('notifications/resources/updated', look);
    const subscription = await inSpan('agent', () =>
      client.listen({ toolsListChanged: true, resourceSubscriptions: ['test://x'] }),
    );
    expect(carried('subscriptions/listen')).toEqual([telemetry.find('agent').spanContext().spanId]);
    await inSpan('changer', () => server.changed());
    await expect.poll(() => seen).toHaveLength(2);
    expect(seen).toEqual([undefined, undefined]);
    await subscription.close();
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['agent', 'changer']);
  });

  test(`what this revision has no more is no message and has no span: ${spec}changelog#major-changes`, async () => {
    await connect();
    await inSpan('agent', async () => {
      await expect(client.ping()).rejects.toThrow();
      await expect(client.setLoggingLevel('debug')).rejects.toThrow();
      await expect(client.subscribeResource({ uri: 'test://x' })).rejects.toThrow();
    });
    expect(sent).toEqual([]);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['agent']);
  });
});
