import { context, SpanKind, trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceServer } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { asked, fullClient, fullServer } from './every-message.ts';
import type { FullClient, FullServer, Hooks } from './every-message.ts';
import { v1, v2 } from './sdk.ts';
import { activeSpanId, inSpan, parentOf, spanOf } from './spans.ts';

// Each row of the table of messages, and the paragraph of the specification that the message is from.
const spec = 'https://modelcontextprotocol.io/specification/2025-11-25/';

// Of this revision only: the next one has `subscriptions/listen`.
const subscribe: (typeof asked)[number] = {
  method: 'resources/subscribe',
  paragraph: 'server/resources#subscriptions',
  send: (client) => client.subscribeResource({ uri: 'test://x' }),
};

const serverAsks: readonly { method: string; paragraph: string; ask: (server: FullServer) => Promise<unknown> }[] = [
  {
    method: 'sampling/createMessage',
    paragraph: 'client/sampling#creating-messages',
    ask: ({ server }) =>
      server.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: 'why?' } }], maxTokens: 1 }),
  },
  {
    method: 'elicitation/create',
    paragraph: 'client/elicitation#elicitation-requests',
    ask: ({ server }) =>
      server.elicitInput({
        message: 'ok?',
        requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } } },
      }),
  },
  { method: 'roots/list', paragraph: 'client/roots#listing-roots', ask: ({ server }) => server.listRoots() },
];

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

describe.each([v1, v2()])('$name: every message', (sdk) => {
  let client: FullClient;
  let server: FullServer;
  const hooks: Hooks = {};
  /** The messages that passed, as they were on the wire: those to the server and those to the client. */
  const wire: { method?: string; params?: { _meta?: Record<string, unknown> } }[] = [];
  beforeEach(async () => {
    delete hooks.ask;
    delete hooks.onAsked;
    client = traceClient(fullClient(sdk.key, hooks) as never);
    server = traceServer(fullServer(sdk.key, hooks) as never);
    const ends = sdk.memory();
    for (const end of ends) {
      const { send } = end;
      Object.assign(end, {
        send(message: never, options: never) {
          wire.push(message);
          return send.call(end, message, options);
        },
      });
    }
    await server.connect(ends[1] as never);
    await client.connect(ends[0] as never);
    await telemetry.reset();
    wire.length = 0;
  });
  afterEach(async () => {
    const open = [client.transport, server.server.transport].map(
      (end) => (end as { [inFlightKey]: number })[inFlightKey],
    );
    if (open.some((count) => count !== 0)) throw new Error(`requests stay open: ${open.join(', ')}`);
    await client.close();
  });
  const carried = (method: string): unknown =>
    wire.find((message) => message.method === method)?.params?._meta?.['traceparent'];

  test.each([...asked, subscribe])(
    `$method is a CLIENT and a SERVER span: ${spec}$paragraph`,
    async ({ method, name = method, send }) => {
      await inSpan('agent', () => send(client));
      const out = spanOf(telemetry, name, SpanKind.CLIENT);
      const into = spanOf(telemetry, name, SpanKind.SERVER);
      expect(parentOf(out)).toBe(telemetry.find('agent').spanContext().spanId);
      expect(parentOf(into)).toBe(out.spanContext().spanId);
      for (const { attributes } of [out, into]) {
        expect(attributes['mcp.method.name']).toBe(method);
        expect(attributes).not.toHaveProperty('error.type');
        expect(attributes).not.toHaveProperty('mcp.resource.uri');
      }
      expect(String(carried(method))).toContain(out.spanContext().spanId);
      // An answer carries nothing.
      expect(JSON.stringify(wire.filter((message) => message.method === undefined))).not.toContain('traceparent');
    },
  );

  test(`initialize is a CLIENT and a SERVER span, and initialized carries the context: ${spec}basic/lifecycle#initialization`, async () => {
    await client.close();
    client = traceClient(fullClient(sdk.key, hooks) as never);
    server = traceServer(fullServer(sdk.key, hooks) as never);
    const [near, far] = sdk.memory();
    const initialized: unknown[] = [];
    await server.connect(far as never);
    const end = server.server.transport as { onmessage: (message: (typeof wire)[number], extra?: unknown) => void };
    const { onmessage } = end;
    end.onmessage = (message, extra) => {
      if (message.method === 'notifications/initialized') initialized.push(message.params?._meta?.['traceparent']);
      onmessage(message, extra);
    };
    await inSpan('agent', () => client.connect(near as never));
    const out = spanOf(telemetry, 'initialize', SpanKind.CLIENT);
    expect(parentOf(spanOf(telemetry, 'initialize', SpanKind.SERVER))).toBe(out.spanContext().spanId);
    expect(String(initialized[0])).toContain(telemetry.find('agent').spanContext().spanId);
    expect(telemetry.spans().some(({ name }) => name.includes('initialized'))).toBe(false);
  });

  test.each(serverAsks)(
    `$method is a CLIENT span at the server, under the tool that asks: ${spec}$paragraph`,
    async ({ method, ask }) => {
      const active: unknown[] = [];
      hooks.ask = ask;
      hooks.onAsked = () => void active.push(activeSpanId());
      await inSpan('agent', () => client.callTool({ name: 'ask', arguments: {} }));
      const tool = spanOf(telemetry, 'tools/call ask', SpanKind.SERVER);
      const out = spanOf(telemetry, method, SpanKind.CLIENT);
      const into = spanOf(telemetry, method, SpanKind.SERVER);
      expect(parentOf(out)).toBe(tool.spanContext().spanId);
      expect(parentOf(into)).toBe(out.spanContext().spanId);
      expect(active).toEqual([into.spanContext().spanId]);
      expect(into.spanContext().traceId).toBe(telemetry.find('agent').spanContext().traceId);
    },
  );

  test(`ping has no span, in both directions, and carries the context: ${spec}basic/utilities/ping`, async () => {
    await inSpan('agent', async () => {
      await client.ping();
      await server.server.ping();
    });
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['agent']);
    const { spanId } = telemetry.find('agent').spanContext();
    const pings = wire.filter(({ method }) => method === 'ping').map(({ params }) => params?._meta?.['traceparent']);
    expect(pings).toHaveLength(2);
    for (const ping of pings) expect(String(ping)).toContain(spanId);
  });

  test(`logging/setLevel has no span and carries the context: ${spec}server/utilities/logging#setting-log-level`, async () => {
    await inSpan('agent', () => client.setLoggingLevel('debug'));
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['agent']);
    expect(String(carried('logging/setLevel'))).toContain(telemetry.find('agent').spanContext().spanId);
  });

  test(`changed lists and resources have no span, carry the context, and continue no trace: ${spec}server/resources#list-changed-notification`, async () => {
    const seen: unknown[] = [];
    const end = client.transport as { onmessage: (message: (typeof wire)[number], extra?: unknown) => void };
    const { onmessage } = end;
    end.onmessage = (message, extra) => {
      if (message.method?.startsWith('notifications/')) seen.push(trace.getSpanContext(context.active()));
      onmessage(message, extra);
    };
    await inSpan('agent', async () => {
      await server.server.sendToolListChanged();
      await server.server.sendResourceUpdated({ uri: 'test://x' });
      await client.sendRootsListChanged();
    });
    // SDK v1 lets a moment pass for changed lists, to send several as one.
    await expect.poll(() => seen).toEqual([undefined, undefined]);
    const { spanId } = telemetry.find('agent').spanContext();
    for (const method of ['tools/list_changed', 'resources/updated', 'roots/list_changed'])
      expect(String(carried(`notifications/${method}`))).toContain(spanId);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['agent']);
  });
});
