import {
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceServer, traceTransport } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { text, v1, v2 } from './sdk.ts';
import type { Sdk, TestClient, TestServer, Tool } from './sdk.ts';
import { activeSpanId, inSpan, parentOf, spanOf as named } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

const spec = 'https://modelcontextprotocol.io/specification/2025-11-25/';

describe.each([v1, v2()])('$name in memory', (sdk) => {
  let client: TestClient;
  let server: TestServer;
  let inFlight: () => number;
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  async function connect(tools: Record<string, Tool>, options: McpOptions = {}): Promise<void> {
    client = traceClient(sdk.client(), options);
    server = traceServer(sdk.server(tools), options);
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    const ends = [client.transport, server.server.transport] as { [inFlightKey]: number }[];
    inFlight = () => ends.reduce((sum, end) => sum + end[inFlightKey], 0);
    await telemetry.reset();
  }

  const spanOf = (name: string, kind: SpanKind): ReadableSpan => named(telemetry, name, kind);

  test('a tool call is one trace: the caller, CLIENT, SERVER, and what the tool does', async () => {
    await connect({ add: () => inSpan('work', async () => 'done') });
    await inSpan('agent', () => sdk.call(client, 'add'));
    const outer = telemetry.find('agent');
    const out = spanOf('tools/call add', SpanKind.CLIENT);
    const into = spanOf('tools/call add', SpanKind.SERVER);
    const work = telemetry.find('work');
    expect(new Set([outer, out, into, work].map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(parentOf(out)).toBe(outer.spanContext().spanId);
    expect(parentOf(into)).toBe(out.spanContext().spanId);
    expect(into.parentSpanContext?.isRemote).toBe(true);
    expect(parentOf(work)).toBe(into.spanContext().spanId);
    expect(inFlight()).toBe(0);
  });

  test('both spans say what the conventions ask', async () => {
    await connect({ add: () => 'done' });
    await sdk.call(client, 'add');
    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
      const { attributes, status, instrumentationScope } = spanOf('tools/call add', kind);
      expect(attributes).toMatchObject({
        'mcp.method.name': 'tools/call',
        'gen_ai.tool.name': 'add',
        'gen_ai.operation.name': 'execute_tool',
        'mcp.protocol.version': '2025-11-25',
      });
      expect(attributes['jsonrpc.request.id']).toMatch(/^\d+$/);
      expect(attributes).not.toHaveProperty('error.type');
      expect(status.code).toBe(SpanStatusCode.UNSET);
      expect(instrumentationScope.name).toBe('@throughline/mcp');
    }
  });

  test('the handshake has spans too, in one trace, and the version is on them', async () => {
    client = traceClient(sdk.client());
    server = traceServer(sdk.server());
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await inSpan('agent', () => client.connect(a as never));
    const into = spanOf('initialize', SpanKind.SERVER);
    expect(parentOf(into)).toBe(spanOf('initialize', SpanKind.CLIENT).spanContext().spanId);
    expect(into.attributes['mcp.protocol.version']).toBe('2025-11-25');
    expect(
      telemetry
        .spans()
        .map((span) => span.name)
        .toSorted(),
    ).toEqual(['agent', 'initialize', 'initialize']);
  });

  test('the answer comes back in the context of the caller', async () => {
    const key = createContextKey('test');
    await connect({ add: () => 'done' });
    const seen = await context.with(ROOT_CONTEXT.setValue(key, 'mine'), () =>
      inSpan('agent', async () => {
        const before = activeSpanId();
        let then: unknown;
        // Not awaited: what runs is the callback, in the context that the answer was delivered in.
        await sdk.call(client, 'add').then(() => (then = activeSpanId()));
        return { before, then, value: context.active().getValue(key) };
      }),
    );
    expect(seen.then).toBe(seen.before);
    expect(seen.value).toBe('mine');
  });

  test('a handler of answers that is no promise runs in the context of each caller', async () => {
    const [near, far] = sdk.memory();
    server = sdk.server();
    client = sdk.client();
    await server.connect(far as never);
    const seen: unknown[] = [];
    const raw = traceTransport(near) as typeof near & { onmessage?: (message: { id?: number }) => void };
    const answers = new Promise<void>((resolve) => {
      raw.onmessage = ({ id }) => {
        seen.push([id, activeSpanId()]);
        if (seen.length === 2) resolve();
      };
    });
    await raw.start();
    const spans = await Promise.all(
      [1, 2].map((id) =>
        inSpan(`agent ${id}`, async () => {
          await raw.send({ jsonrpc: '2.0', id, method: 'nobody/knows' } as never);
          return activeSpanId();
        }),
      ),
    );
    await answers;
    expect(seen).toEqual(spans.map((span, at) => [at + 1, span]));
  });

  test('a server that is connected by the Server inside it is traced too', async () => {
    client = sdk.client();
    server = traceServer(sdk.server({ add: () => 'done' }));
    const [a, b] = sdk.memory();
    await (server.server as unknown as TestServer).connect(b as never);
    await client.connect(a as never);
    await sdk.call(client, 'add');
    expect(spanOf('tools/call add', SpanKind.SERVER).attributes['gen_ai.tool.name']).toBe('add');
  });

  test(`a cancellation carries the context of the request that it cancels: ${spec}basic/utilities/cancellation`, async () => {
    await connect({
      hang: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(''))),
    });
    const offered: unknown[] = [];
    const end = server.server.transport as { onmessage: (message: Cancellation, extra?: unknown) => void };
    const { onmessage } = end;
    end.onmessage = (message, extra) => {
      if (message.method === 'notifications/cancelled') offered.push(message.params?._meta?.['traceparent']);
      onmessage(message, extra);
    };
    await expect(sdk.call(client, 'hang', undefined, { timeout: 20 })).rejects.toThrow('timed out');
    const { traceId, spanId } = spanOf('tools/call hang', SpanKind.CLIENT).spanContext();
    expect(offered.map((field) => String(field).slice(0, 52))).toEqual([`00-${traceId}-${spanId}`]);
  });

  test('concurrent calls have each their own parent', async () => {
    const open: (() => void)[] = [];
    await connect({
      wait: async ({ text }) => {
        await new Promise<void>((resolve) => {
          open.push(resolve);
          // Answered in the reverse order, once all are there.
          if (open.length === 20) for (const resolve of open.toReversed()) resolve();
        });
        return inSpan(`work ${text}`, async () => text);
      },
    });
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => inSpan(`agent ${at}`, () => sdk.call(client, 'wait', String(at)))),
    );
    for (let at = 0; at < 20; at++) {
      const outer = telemetry.find(`agent ${at}`).spanContext();
      const work = telemetry.find(`work ${at}`);
      expect(work.spanContext().traceId).toBe(outer.traceId);
    }
    expect(inFlight()).toBe(0);
  });

  test('sampling is a child of the tool call that asked, and runs on the client in its own span', async () => {
    await connect({ ask: async ({ sample }) => sample('why?') });
    sdk.onSampling(client, (question) => inSpan('model', async () => `because ${question}`));
    const result = await inSpan('agent', () => sdk.call(client, 'ask'));
    expect(text(result)).toBe('because why?');
    const tool = spanOf('tools/call ask', SpanKind.SERVER);
    const out = spanOf('sampling/createMessage', SpanKind.CLIENT);
    const into = spanOf('sampling/createMessage', SpanKind.SERVER);
    expect(parentOf(out)).toBe(tool.spanContext().spanId);
    expect(parentOf(into)).toBe(out.spanContext().spanId);
    expect(parentOf(telemetry.find('model'))).toBe(into.spanContext().spanId);
    expect(telemetry.find('model').spanContext().traceId).toBe(telemetry.find('agent').spanContext().traceId);
    expect(tool.attributes['throughline.calls']).toBe(1);
    expect(inFlight()).toBe(0);
  });

  test(`progress comes back in the context of the caller; a notification is no call of the tool: ${spec}basic/utilities/progress`, async () => {
    await connect({
      slow: async ({ progress }) => {
        await progress(1);
        return 'done';
      },
    });
    const seen: unknown[] = [];
    const caller = await inSpan('agent', async () => {
      await sdk.call(client, 'slow', undefined, { onprogress: () => seen.push(activeSpanId()) });
      return activeSpanId();
    });
    expect(seen).toEqual([caller]);
    expect(spanOf('tools/call slow', SpanKind.SERVER).attributes['throughline.calls']).toBe(0);
  });

  test(`a log message is delivered in the tool's context, and a changed list in none: ${spec}server/utilities/logging#log-message-notifications`, async () => {
    await connect({
      slow: async ({ log }) => {
        await log('half way');
        return 'done';
      },
    });
    const seen: Record<string, unknown> = {};
    sdk.onLog(client, () => (seen['log'] = trace.getSpanContext(context.active())?.spanId));
    const changed = new Promise<void>((resolve) =>
      sdk.onToolsChanged(client, () => {
        seen['changed'] = trace.getSpanContext(context.active())?.spanId ?? 'none';
        resolve();
      }),
    );
    await inSpan('agent', async () => {
      await sdk.call(client, 'slow');
      await sdk.toolsChanged(server);
    });
    await changed;
    expect(seen['log']).toBe(spanOf('tools/call slow', SpanKind.SERVER).spanContext().spanId);
    expect(seen['changed']).toBe('none');
  });

  test(`a cancelled call ends both spans as cancelled and leaves nothing behind: ${spec}basic/utilities/cancellation`, async () => {
    const cancel = new AbortController();
    let handlerSaw: unknown;
    await connect({
      // v1 cannot cancel the request with id 0; the handshake took that.
      hang: ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            handlerSaw = activeSpanId();
            resolve('late');
          });
          cancel.abort('enough');
        }),
    });
    await expect(inSpan('agent', () => sdk.call(client, 'hang', undefined, { signal: cancel.signal }))).rejects.toThrow(
      'enough',
    );
    await expect.poll(() => handlerSaw).toBe(spanOf('tools/call hang', SpanKind.SERVER).spanContext().spanId);
    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
      const { attributes, status } = spanOf('tools/call hang', kind);
      expect(attributes['error.type']).toBe('cancelled');
      expect(status.code).toBe(SpanStatusCode.ERROR);
    }
    expect(inFlight()).toBe(0);
  });

  test(`a call that times out ends both spans: ${spec}basic/lifecycle#timeouts`, async () => {
    await connect({
      hang: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('late'))),
    });
    await expect(sdk.call(client, 'hang', undefined, { timeout: 20 })).rejects.toThrow('timed out');
    await expect.poll(() => telemetry.spans().length).toBe(2);
    expect(spanOf('tools/call hang', SpanKind.CLIENT).attributes['error.type']).toBe('cancelled');
    expect(spanOf('tools/call hang', SpanKind.SERVER).attributes['error.type']).toBe('cancelled');
    expect(inFlight()).toBe(0);
  });

  test('a closed transport ends every span that is open, with an error type', async () => {
    await connect({
      hang: async () => {
        await server.close();
        return 'never';
      },
    });
    await expect(sdk.call(client, 'hang')).rejects.toThrow('Connection closed');
    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
      expect(spanOf('tools/call hang', kind).attributes['error.type']).toBe('connection_closed');
    }
    expect(inFlight()).toBe(0);
  });

  test('an error that a tool throws is a tool error on both spans', async () => {
    await connect({
      fail: () => {
        throw new Error('no such file');
      },
    });
    const result = await sdk.call(client, 'fail');
    expect(result.isError).toBe(true);
    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
      const { attributes, status } = spanOf('tools/call fail', kind);
      expect(attributes['error.type']).toBe('tool_error');
      expect(status.code).toBe(SpanStatusCode.ERROR);
    }
  });

  test('a JSON-RPC error is an error to the client, and to the server only when it is the server’s', async () => {
    await connect({});
    // An unknown method: -32601.
    const request = (client as unknown as { request(request: object, schema: unknown): Promise<unknown> }).request;
    const { z } = await import('zod');
    await expect(request({ method: 'nobody/knows', params: {} }, z.object({}))).rejects.toThrow(/Method not found/);
    const out = spanOf('nobody/knows', SpanKind.CLIENT);
    const into = spanOf('nobody/knows', SpanKind.SERVER);
    expect(out.attributes).toMatchObject({ 'error.type': '-32601', 'rpc.response.status_code': '-32601' });
    expect(out.status).toEqual({ code: SpanStatusCode.ERROR, message: 'Method not found' });
    expect(into.attributes['rpc.response.status_code']).toBe('-32601');
    expect(into.attributes).not.toHaveProperty('error.type');
    expect(into.status.code).toBe(SpanStatusCode.UNSET);
  });

  test('ping has no span; the context travels all the same, and spanFor decides for any method', async () => {
    await connect({ add: () => 'done' }, { spanFor: (method) => method === 'tools/call' });
    await inSpan('agent', async () => {
      await client.ping();
      await client.listTools();
      await sdk.call(client, 'add');
    });
    expect(telemetry.spans().map((span) => span.name)).toEqual(['tools/call add', 'tools/call add', 'agent']);
    expect(inFlight()).toBe(0);
  });

  test('spans: false is propagation alone', async () => {
    let offered: unknown;
    await connect(
      {
        add: ({ meta }) => {
          offered = meta?.['traceparent'];
          return inSpan('work', async () => 'done');
        },
      },
      { spans: false },
    );
    await inSpan('agent', () => sdk.call(client, 'add'));
    const outer = telemetry.find('agent').spanContext();
    expect(telemetry.spans()).toHaveLength(2);
    expect(offered).toBe(`00-${outer.traceId}-${outer.spanId}-${String(offered).slice(-2)}`);
    expect(parentOf(telemetry.find('work'))).toBe(outer.spanId);
  });

  test("a caller's params are not changed, and a reused object carries a fresh context each time", async () => {
    const offered: unknown[] = [];
    await connect({
      add: ({ meta }) => {
        offered.push(meta?.['traceparent']);
        return 'done';
      },
    });
    const params = Object.freeze({
      name: 'add',
      arguments: Object.freeze({}),
      _meta: Object.freeze({ mine: Object.freeze({ a: 1 }) }),
    });
    await inSpan('one', () => client.callTool(params));
    await inSpan('two', () => client.callTool(params));
    expect(params).toEqual({ name: 'add', arguments: {}, _meta: { mine: { a: 1 } } });
    const traces = ['one', 'two'].map((name) => telemetry.find(name).spanContext().traceId);
    expect(offered.map((field) => String(field).split('-')[1])).toEqual(traces);
  });

  test('a traceparent that the caller put there is replaced under an active span, and is the parent without one', async () => {
    let meta: Record<string, unknown> | undefined;
    await connect({
      add: (call) => {
        meta = call.meta;
        return 'done';
      },
    });
    const stale = {
      traceparent: '00-11111111111111111111111111111111-2222222222222222-01',
      tracestate: 'old=1',
      keep: 'me',
    };
    await inSpan('agent', () => sdk.call(client, 'add', undefined, undefined, stale));
    expect(meta).toMatchObject({ keep: 'me' });
    expect(String(meta?.['traceparent'])).toContain(telemetry.find('agent').spanContext().traceId);
    expect(meta).not.toHaveProperty('tracestate');

    await telemetry.reset();
    await sdk.call(client, 'add', undefined, undefined, stale);
    const out = spanOf('tools/call add', SpanKind.CLIENT);
    expect(parentOf(out)).toBe('2222222222222222');
    expect(meta?.['traceparent']).toBe(`00-${'1'.repeat(32)}-${out.spanContext().spanId}-01`);
    expect(meta?.['tracestate']).toBe('old=1');
  });

  test('baggage goes to a peer in memory and is active in its tool', async () => {
    let tenant: string | undefined;
    await connect({
      add: () => {
        tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
        return 'done';
      },
    });
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    await context.with(propagation.setBaggage(context.active(), baggage), () => sdk.call(client, 'add'));
    expect(tenant).toBe('blue');
  });

  test('a peer in memory that nobody traces does its work in the context of the CLIENT span, unsuppressed', async () => {
    client = traceClient(sdk.client());
    server = sdk.server({ add: () => inSpan('work', async () => 'done') });
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    await telemetry.reset();
    await sdk.call(client, 'add');
    expect(parentOf(telemetry.find('work'))).toBe(spanOf('tools/call add', SpanKind.CLIENT).spanContext().spanId);
  });

  test('under suppressed tracing there are no spans at either end, and no fields', async () => {
    let meta: Record<string, unknown> | undefined;
    await connect({
      add: (call) => {
        meta = call.meta;
        return 'done';
      },
    });
    await context.with(suppressTracing(context.active()), () => sdk.call(client, 'add'));
    expect(telemetry.spans()).toEqual([]);
    expect(meta ?? {}).not.toHaveProperty('traceparent');
  });

  test('the span of connect() leaks into no later request', async () => {
    client = traceClient(sdk.client());
    server = traceServer(sdk.server({ add: () => 'done' }));
    const [a, b] = sdk.memory();
    await inSpan('startup', async () => {
      await server.connect(b as never);
      await client.connect(a as never);
    });
    const startup = telemetry.find('startup').spanContext().traceId;
    await telemetry.reset();
    await sdk.call(client, 'add');
    for (const span of telemetry.spans()) expect(span.spanContext().traceId).not.toBe(startup);
  });

  test('wrapping twice is one wrap', async () => {
    client = traceClient(traceClient(sdk.client()));
    server = traceServer(traceServer(sdk.server({ add: () => 'done' })));
    const [a, b] = sdk.memory();
    await server.connect(traceTransport(traceTransport(b)) as never);
    await client.connect(traceTransport(a) as never);
    await telemetry.reset();
    await sdk.call(client, 'add');
    expect(telemetry.spans()).toHaveLength(2);
  });

  test('a transport that is used again after a close is traced once', async () => {
    const [a, b] = sdk.memory();
    const first = traceServer(sdk.server({ add: () => 'first' }));
    await first.connect(b as never);
    (b as { onmessage?: unknown }).onmessage = undefined;
    server = traceServer(sdk.server({ add: () => 'done' }));
    await server.connect(b as never);
    client = traceClient(sdk.client());
    await client.connect(a as never);
    await telemetry.reset();
    expect(text(await sdk.call(client, 'add'))).toBe('done');
    expect(telemetry.spans()).toHaveLength(2);
  });

  test('restart-with-link at the server: a new trace that links the caller', async () => {
    client = traceClient(sdk.client());
    server = traceServer(sdk.server({ add: () => 'done' }), { inbound: 'restart-with-link' });
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    await telemetry.reset();
    await sdk.call(client, 'add');
    const out = spanOf('tools/call add', SpanKind.CLIENT).spanContext();
    const into = spanOf('tools/call add', SpanKind.SERVER);
    expect(into.spanContext().traceId).not.toBe(out.traceId);
    expect(into.links.map((link) => link.context.spanId)).toEqual([out.spanId]);
  });

  test('an inbound policy hears the method; an outbound policy hears the target', async () => {
    const heard: unknown[] = [];
    await connect(
      { add: () => 'done' },
      {
        inbound: (peer) => {
          heard.push([peer.transport, peer.name]);
          return 'continue';
        },
        outbound: (target) => {
          heard.push([target.transport, target.channel]);
          return 'inject';
        },
      },
    );
    heard.length = 0;
    await sdk.call(client, 'add');
    expect(heard).toEqual([
      ['mcp', 'memory'],
      ['mcp', 'tools/call'],
    ]);
  });
});

interface Cancellation {
  readonly method?: string;
  readonly params?: { readonly _meta?: Record<string, unknown> };
}

describe('options', () => {
  const sdk: Sdk = v1;
  test.each([
    [{ spanFor: 1 }, /`spanFor` takes/],
    [{ suppressInner: 'yes' }, /`suppressInner` takes/],
    [{ peer: 'x' }, /`peer` takes/],
    [{ peer: { channel: 'pipe' } }, /`peer.channel` takes/],
    [{ peer: { hots: 'x' } }, /`peer.hots` is no option. Did you mean `host`\?/],
    [{ spansFor: () => true }, /Did you mean `spanFor`\?/],
    [{ inbound: 'maybe' }, /`inbound` takes/],
  ])('%j throws where it is given', (options, message) => {
    expect(() => traceClient(sdk.client(), options as unknown as McpOptions)).toThrow(message);
    expect(() => traceServer(sdk.server(), options as unknown as McpOptions)).toThrow(message);
  });

  test('a spanFor that throws breaks no call', async () => {
    const client = traceClient(sdk.client(), {
      spanFor: () => {
        throw new Error('mine');
      },
    });
    const server = sdk.server({ add: () => 'done' });
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    expect(text(await sdk.call(client, 'add'))).toBe('done');
    expect(telemetry.find('tools/call add').kind).toBe(SpanKind.CLIENT);
    await client.close();
  });
});
