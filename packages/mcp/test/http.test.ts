import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { isTracingSuppressed, RPCType, setRPCMetadata, suppressTracing } from '@opentelemetry/core';
import { currentLineage } from '@throughline/core';
import { receive } from '@throughline/core/adapter';
import { hopSettings, nodeHeaders } from '@throughline/core/adapter';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { traceClient } from '../src/index.ts';
import type { McpOptions } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { everyHosting, host } from './http-host.ts';
import type { HostOptions, HttpHost } from './http-host.ts';
import { text } from './sdk.ts';
import type { TestClient, Tool } from './sdk.ts';
import { activeSpanId, inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await telemetry.shutdown();
});

describe.each(everyHosting)('$title, over Streamable HTTP', ({ sdk, hosting }) => {
  let client: TestClient;
  let served: HttpHost;
  afterEach(async () => {
    await client.close();
    await served.close();
  });

  async function connect(
    tools: Record<string, Tool>,
    options: McpOptions & { readonly fetch?: typeof fetch } = {},
    hostOptions: HostOptions = {},
  ): Promise<void> {
    const { fetch, ...clientOptions } = options;
    served = await host(sdk, hosting, tools, hostOptions);
    client = traceClient(sdk.client(), clientOptions);
    await client.connect(sdk.http(served.url, fetch && { fetch }) as never);
    await telemetry.reset();
  }
  const inFlight = (): number =>
    [client.transport, ...served.transports].reduce<number>(
      (sum, end) => sum + (end as { [inFlightKey]: number })[inFlightKey],
      0,
    );

  test('a tool call is one trace: the caller, CLIENT, SERVER, and what the tool does', async () => {
    await connect({ add: () => inSpan('work', async () => 'done') });
    await inSpan('agent', () => sdk.call(client, 'add'));
    const out = spanOf(telemetry, 'tools/call add', SpanKind.CLIENT);
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(parentOf(out)).toBe(telemetry.find('agent').spanContext().spanId);
    expect(parentOf(into)).toBe(out.spanContext().spanId);
    expect(parentOf(telemetry.find('work'))).toBe(into.spanContext().spanId);
    expect(inFlight()).toBe(0);
  });

  test('the spans say where to, over what, in which session and version', async () => {
    await connect({ add: () => 'done' });
    await sdk.call(client, 'add');
    const out = spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).attributes;
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER).attributes;
    const version = sdk.key === 'v2-modern' ? '2026-07-28' : '2025-11-25';
    expect(out).toMatchObject({
      'network.transport': 'tcp',
      'server.address': '127.0.0.1',
      'server.port': Number(served.url.port),
      'mcp.protocol.version': version,
    });
    expect(into).toMatchObject({ 'network.transport': 'tcp', 'mcp.protocol.version': version });
    if (hosting === 'session') {
      expect(out['mcp.session.id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(into['mcp.session.id']).toBe(out['mcp.session.id']);
    } else expect(out).not.toHaveProperty('mcp.session.id');
  });

  test('answers and progress come back in the context of their caller, unsuppressed', async () => {
    await connect({
      slow: async ({ progress }) => {
        await progress(1);
        return 'done';
      },
    });
    const results = await Promise.all(
      Array.from({ length: 5 }, (_, at) =>
        inSpan(`agent ${at}`, async () => {
          const seen: unknown[] = [];
          const look = (): void => void seen.push(activeSpanId(), isTracingSuppressed(context.active()));
          await sdk.call(client, 'slow', undefined, { onprogress: look }).then(look);
          return { seen, mine: activeSpanId() };
        }),
      ),
    );
    for (const { seen, mine } of results) expect(seen).toEqual([mine, false, mine, false]);
  });

  // In the revision of 2026-07-28 log messages need a level in the request.
  if (sdk.key !== 'v2-modern')
    test("a log message on a call's stream is delivered in the trace, unsuppressed", async () => {
      await connect({
        slow: async ({ log }) => {
          await log('half way');
          return 'done';
        },
      });
      const seen: unknown[] = [];
      sdk.onLog(client, () =>
        seen.push(trace.getSpanContext(context.active())?.traceId, isTracingSuppressed(context.active())),
      );
      await inSpan('agent', () => sdk.call(client, 'slow'));
      await expect.poll(() => seen).toEqual([telemetry.find('agent').spanContext().traceId, false]);
    });

  if (sdk.key !== 'v2-modern')
    test('and in the context of its caller where it carries none', async () => {
      await connect(
        {
          slow: async ({ log }) => {
            await log('half way');
            return 'done';
          },
        },
        {},
        { outbound: 'suppress' },
      );
      const seen: unknown[] = [];
      sdk.onLog(client, () => seen.push(activeSpanId(), isTracingSuppressed(context.active())));
      await inSpan('agent', () => sdk.call(client, 'slow'));
      await expect.poll(() => seen).toEqual([telemetry.find('agent').spanContext().spanId, false]);
    });

  test('the POST of the SDK’s own fetch runs suppressed, and what it reads does not', async () => {
    const original = globalThis.fetch;
    const suppressed: [string, boolean][] = [];
    vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
      suppressed.push([init?.method ?? 'GET', isTracingSuppressed(context.active())]);
      return original(input, init);
    });
    await connect({ add: () => 'done' });
    // The handshake, its notification, the stream that it opens.
    expect(suppressed.length).toBeGreaterThan(0);
    expect(suppressed.filter(([, quiet]) => !quiet)).toEqual([]);
    suppressed.length = 0;
    await inSpan('agent', () => sdk.call(client, 'add'));
    expect(suppressed.filter(([method]) => method === 'POST')).toEqual([['POST', true]]);
  });

  test('a fetch that the user supplied runs in the CLIENT span, and suppressed where that is asked for', async () => {
    const seen: unknown[] = [];
    const mine: typeof fetch = (input, init) => {
      if (String(init?.body).includes('tools/call'))
        seen.push(isTracingSuppressed(context.active()) ? 'suppressed' : activeSpanId());
      return fetch(input, init);
    };
    await connect({ add: () => 'done' }, { fetch: mine });
    await inSpan('agent', () => sdk.call(client, 'add'));
    expect(seen).toEqual([spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).spanContext().spanId]);
    await client.close();
    await served.close();

    seen.length = 0;
    await connect({ add: () => 'done' }, { fetch: mine, suppressInner: true });
    await inSpan('agent', () => sdk.call(client, 'add'));
    expect(seen).toEqual(['suppressed']);
  });

  test('an HTTP span that is open for the POST is linked when _meta is the parent', async () => {
    await connect({ add: () => 'done' }, {}, { around: httpSpan });
    await inSpan('agent', () => sdk.call(client, 'add'));
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(parentOf(into)).toBe(spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).spanContext().spanId);
    // The HTTP span ends with its response, a little later.
    await expect
      .poll(() =>
        telemetry
          .spans()
          .filter((span) => span.name === 'POST')
          .map((span) => span.spanContext().spanId),
      )
      .toContain(into.links[0]?.context.spanId);
  });

  test('without _meta the HTTP span is the parent, ours or another instrumentation’s', async () => {
    for (const around of [httpSpan, rpcMetadata]) {
      await connect({ add: () => 'done' }, { outbound: 'suppress' }, { around });
      await sdk.call(client, 'add');
      const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
      await expect
        .poll(() =>
          telemetry
            .spans()
            .filter((span) => span.name === 'POST')
            .map((span) => span.spanContext().spanId),
        )
        .toContain(parentOf(into));
      await client.close();
      await served.close();
    }
    await connect({});
  });

  test('without _meta and without an HTTP span the headers of the POST are the parent', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const sends: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('traceparent', traceparent);
      return fetch(input, { ...init, headers });
    };
    await connect({ add: () => 'done' }, { outbound: 'suppress', fetch: sends });
    await sdk.call(client, 'add');
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(into.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(parentOf(into)).toBe('b7ad6b7169203331');
  });

  test('baggage and the chain of a caller without an SDK arrive with no trace to be in', async () => {
    await connect({
      who: () => `${propagation.getActiveBaggage()?.getEntry('tenant')?.value} ${currentLineage()?.hops}`,
    });
    const bare = sdk.client();
    await bare.connect(sdk.http(served.url) as never);
    const meta = { baggage: 'tenant=blue,throughline.lineage=1.4.32.1.-.-.-' };
    expect(text(await sdk.call(bare, 'who', undefined, undefined, meta))).toBe('blue 4');
    await bare.close();
  });

  test('where the headers and _meta disagree, _meta is the parent', async () => {
    const other = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const sends: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('traceparent', other);
      return fetch(input, { ...init, headers });
    };
    await connect({ add: () => 'done' }, { fetch: sends });
    await sdk.call(client, 'add');
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(parentOf(into)).toBe(spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).spanContext().spanId);
    expect(into.links).toEqual([]);
  });

  test('a malformed _meta falls back to the HTTP request that it came with, never to what is ambient elsewhere', async () => {
    await connect({ add: () => 'done' }, { outbound: 'suppress' }, { around: httpSpan });
    const meta = { traceparent: 'nonsense', tracestate: 7, baggage: [] };
    await inSpan('agent', () => sdk.call(client, 'add', undefined, undefined, meta));
    const into = spanOf(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(into.attributes).not.toHaveProperty('error.type');
    expect(into.spanContext().traceId).not.toBe(telemetry.find('agent').spanContext().traceId);
    await expect
      .poll(() =>
        telemetry
          .spans()
          .filter((span) => span.name === 'POST')
          .map((span) => span.spanContext().spanId),
      )
      .toContain(parentOf(into));
  });

  test('a span that listen() is called in leaks into no request', async () => {
    await inSpan('startup', () => connect({ add: () => 'done' }, { outbound: 'suppress' }));
    await sdk.call(client, 'add');
    expect(parentOf(spanOf(telemetry, 'tools/call add', SpanKind.SERVER))).toBeUndefined();
  });

  test('baggage goes to a private address by default', async () => {
    await connect({ who: () => propagation.getActiveBaggage()?.getEntry('tenant')?.value ?? 'nobody' });
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    expect(
      text(await context.with(propagation.setBaggage(context.active(), baggage), () => sdk.call(client, 'who'))),
    ).toBe('blue');
  });

  test('an answer that a suppressed caller gets stays suppressed', async () => {
    await connect({ add: () => 'done' });
    await context.with(suppressTracing(context.active()), async () => {
      await sdk.call(client, 'add').then(() => expect(isTracingSuppressed(context.active())).toBe(true));
    });
    expect(telemetry.spans().filter((span) => span.kind === SpanKind.CLIENT)).toEqual([]);
  });

  test('a cancelled call ends both spans', async () => {
    const cancel = new AbortController();
    await connect({
      hang: ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve('late'));
          cancel.abort('enough');
        }),
    });
    await expect(
      inSpan('agent', () => sdk.call(client, 'hang', undefined, { signal: cancel.signal })),
    ).rejects.toThrow();
    expect(spanOf(telemetry, 'tools/call hang', SpanKind.CLIENT).attributes['error.type']).toBe('cancelled');
    if (hosting !== 'stateless' && !(hosting === 'handler' && sdk.key === 'v2')) {
      // Without a session the notification goes to another server, which knows of no such request.
      await expect
        .poll(() => telemetry.spans().some((span) => span.kind === SpanKind.SERVER && span.name === 'tools/call hang'))
        .toBe(true);
      expect(spanOf(telemetry, 'tools/call hang', SpanKind.SERVER).attributes['error.type']).toBe('cancelled');
      await expect.poll(inFlight).toBe(0);
    }
  });

  test('a server that goes away in mid-call ends the span once the call gives up', async () => {
    await connect({
      hang: () => {
        served.http.closeAllConnections();
        return new Promise(() => {});
      },
    });
    await expect(sdk.call(client, 'hang', undefined, { timeout: 300 })).rejects.toThrow();
    expect(spanOf(telemetry, 'tools/call hang', SpanKind.CLIENT).attributes).toHaveProperty('error.type');
    expect((client.transport as { [inFlightKey]: number })[inFlightKey]).toBe(0);
  });

  test('a server that is gone rejects the call with its error, which is on the span', async () => {
    await connect({ add: () => 'done' });
    await served.close();
    const error = await sdk.call(client, 'add').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect(spanOf(telemetry, 'tools/call add', SpanKind.CLIENT).attributes['error.type']).toBe('ECONNREFUSED');
    expect((client.transport as { [inFlightKey]: number })[inFlightKey]).toBe(0);
    served = await host(sdk, hosting, {});
  });

  if (hosting === 'session') {
    test('sampling is a child of the tool call that asked, and the client’s span is there although its POST was suppressed', async () => {
      await connect({ ask: ({ sample }) => sample('why?') });
      sdk.onSampling(client, (question) =>
        inSpan('model', async () => {
          expect(isTracingSuppressed(context.active())).toBe(false);
          return `because ${question}`;
        }),
      );
      expect(text(await inSpan('agent', () => sdk.call(client, 'ask')))).toBe('because why?');
      const tool = spanOf(telemetry, 'tools/call ask', SpanKind.SERVER);
      const out = spanOf(telemetry, 'sampling/createMessage', SpanKind.CLIENT);
      const into = spanOf(telemetry, 'sampling/createMessage', SpanKind.SERVER);
      expect(parentOf(out)).toBe(tool.spanContext().spanId);
      expect(parentOf(into)).toBe(out.spanContext().spanId);
      expect(parentOf(telemetry.find('model'))).toBe(into.spanContext().spanId);
      expect(inFlight()).toBe(0);
    });

    test('what arrives on the stream that no call opened belongs to no trace', async () => {
      const seen: unknown[] = [];
      served = await host(sdk, hosting, { change: () => 'done' });
      client = traceClient(sdk.client());
      sdk.onToolsChanged(client, () => seen.push(activeSpanId() ?? 'none', isTracingSuppressed(context.active())));
      await inSpan('startup', () => client.connect(sdk.http(served.url) as never));
      const [transport] = served.transports as { send(message: object): Promise<void> }[];
      // The stream opens some time after connect(); what is sent before is lost.
      await expect
        .poll(async () => {
          await transport?.send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
          return seen.slice(0, 2);
        })
        .toEqual(['none', false]);
    });
  }
});

// The SERVER span of an HTTP middleware of ours.
const httpSpan: NonNullable<HostOptions['around']> = (request, handle) =>
  receive(
    {
      transport: 'http',
      name: 'POST',
      kind: SpanKind.SERVER,
      carrier: request.headers,
      reader: nodeHeaders,
      http: 'request',
      request,
    },
    handle,
    hopSettings({}, { name: 'test-http', version: '0' }),
  );

// What instrumentation-http leaves in the context.
const rpcMetadata: NonNullable<HostOptions['around']> = (_, handle) => {
  const span = trace.getTracer('instrumentation-http').startSpan('POST', { kind: SpanKind.SERVER });
  const active = setRPCMetadata(trace.setSpan(context.active(), span), { type: RPCType.HTTP, span });
  return context.with(active, handle).finally(() => span.end());
};
