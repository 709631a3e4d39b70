import { diag, DiagLogLevel, SpanKind } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { traceClient, traceConnection, traceServer } from '../src/index.ts';
import { v1, v2 } from './sdk.ts';
import type { TestClient, TestServer, Tool } from './sdk.ts';
import { activeSpanId, inSpan, parentOf, spanOf as named } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

interface Transport {
  send(...args: unknown[]): unknown;
  onmessage(...args: unknown[]): unknown;
  onclose(): unknown;
}

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

const untilAborted = (signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')));

describe.each([v1, v2()])('traceConnection, $name', (sdk) => {
  let client: TestClient;
  let server: TestServer;
  afterEach(async () => {
    diag.disable();
    await client.close();
    await server.close();
  });

  /** Connects the client to a server that nobody has traced. */
  async function connect(tools: Record<string, Tool>): Promise<void> {
    server = sdk.server(tools);
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    await telemetry.reset();
  }

  async function connected(tools: Record<string, Tool>): Promise<void> {
    client = sdk.client();
    await connect(tools);
  }

  /** What `diag` says from here on, as if nothing had been said before. */
  function warnings(): string[] {
    delete (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
    const said: string[] = [];
    const quiet = (): void => {};
    const warn = (message: string): void => void said.push(message);
    diag.setLogger({ verbose: quiet, debug: quiet, info: quiet, error: quiet, warn }, DiagLogLevel.WARN);
    return said;
  }

  const transportOf = () => client.transport as Transport;
  const call = (tool = 'add') => inSpan('agent', () => sdk.call(client, tool));
  const names = () => telemetry.spans().map(({ name, kind }) => `${SpanKind[kind]} ${name}`);

  test('a client and a server that are connected already are one trace', async () => {
    await connected({ add: () => inSpan('work', async () => 'done') });
    traceConnection(client);
    traceConnection(server);
    expect(await call()).toMatchObject({ content: [{ text: 'done' }] });
    const out = named(telemetry, 'tools/call add', SpanKind.CLIENT);
    const into = named(telemetry, 'tools/call add', SpanKind.SERVER);
    expect(parentOf(out)).toBe(telemetry.find('agent').spanContext().spanId);
    expect(parentOf(into)).toBe(out.spanContext().spanId);
    expect(parentOf(telemetry.find('work'))).toBe(into.spanContext().spanId);
  });

  test('what the server asks of the client is below the call that asks', async () => {
    const seen: (string | undefined)[] = [];
    await connected({ ask: async ({ sample }) => sample('a question') });
    traceConnection(client);
    traceConnection(server);
    seen.push(await inSpan('agent', async () => (await sdk.call(client, 'ask'), activeSpanId())));
    expect(seen).toEqual([telemetry.find('agent').spanContext().spanId]);
    const asks = named(telemetry, 'sampling/createMessage', SpanKind.CLIENT);
    expect(parentOf(asks)).toBe(named(telemetry, 'tools/call ask', SpanKind.SERVER).spanContext().spanId);
  });

  test('twice it is traced once, and the wrap of one that is connected traces it too', async () => {
    await connected({ add: () => 'done' });
    traceConnection(client);
    traceConnection(client);
    client = traceClient(client);
    server = traceServer(server);
    await call();
    expect(names()).toEqual(['SERVER tools/call add', 'CLIENT tools/call add', 'INTERNAL agent']);
  });

  test('undone it is as it was: the same methods, no spans, no fields', async () => {
    let meta: unknown;
    await connected({ add: ({ meta: given }) => ((meta = given), 'done') });
    const transport = client.transport as { send: unknown; onmessage: unknown; onclose: unknown };
    const { send, onmessage, onclose } = transport;
    const undo = traceConnection(client);
    expect(transport.send).not.toBe(send);
    undo();
    expect([transport.send, transport.onmessage, transport.onclose]).toEqual([send, onmessage, onclose]);
    expect(Object.hasOwn(transport, 'send')).toBe(false);
    await call();
    expect(names()).toEqual(['INTERNAL agent']);
    expect((meta as Record<string, unknown> | undefined)?.['traceparent']).toBeUndefined();
    traceConnection(client);
    await call();
    expect(names()).toContain('CLIENT tools/call add');
  });

  test('what is not answered when it is undone is traced to its end, at both ends', async () => {
    const waits = gate();
    const began = gate();
    await connected({ add: async () => (began.open(), await waits.opened, 'done'), other: () => 'done' });
    const undo = [traceConnection(client), traceConnection(server)];
    const { send } = client.transport as { send: unknown };
    const calling = call();
    await began.opened;
    for (const one of undo) one();
    await call('other');
    waits.open();
    await calling;
    await vi.waitFor(() => expect((client.transport as { send: unknown }).send).not.toBe(send), { timeout: 20_000 });
    expect(names().filter((name) => name.includes('tools/call'))).toEqual([
      'SERVER tools/call add',
      'CLIENT tools/call add',
    ]);
    expect(telemetry.spans().map(({ status }) => status.code)).toEqual(telemetry.spans().map(() => 0));
  });

  test('one that is traced anew before the last is answered goes on', async () => {
    const waits = gate();
    const began = gate();
    await connected({ add: async () => (began.open(), await waits.opened, 'done'), other: () => 'done' });
    const undo = traceConnection(client);
    const calling = call();
    await began.opened;
    undo();
    const undoAnew = traceConnection(client);
    waits.open();
    await calling;
    await call('other');
    expect(names().filter((name) => name.startsWith('CLIENT'))).toEqual([
      'CLIENT tools/call add',
      'CLIENT tools/call other',
    ]);
    undoAnew();
    await telemetry.reset();
    await call('other');
    expect(names()).toEqual(['INTERNAL agent']);
  });

  test('a call that is given up after it was undone ends', async () => {
    const began = gate();
    await connected({ add: ({ signal }) => (began.open(), untilAborted(signal)) });
    const undo = [traceConnection(client), traceConnection(server)];
    const cancel = new AbortController();
    const calling = inSpan('agent', () => sdk.call(client, 'add', undefined, { signal: cancel.signal }));
    await began.opened;
    for (const one of undo) one();
    cancel.abort();
    await expect(calling).rejects.toThrow();
    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER])
      expect(named(telemetry, 'tools/call add', kind).attributes['error.type']).toBe('cancelled');
    expect(Object.hasOwn(transportOf(), 'send')).toBe(false);
  });

  test('handlers and a `send` that others put over it are called, and stay when it is undone', async () => {
    await connected({ add: () => 'done' });
    const undo = traceConnection(client);
    const transport = transportOf();
    const seen: string[] = [];
    const { send, onmessage, onclose } = transport;
    const over = {
      send: (...args: unknown[]) => (seen.push('send'), Reflect.apply(send, transport, args)),
      onmessage: (...args: unknown[]) => (seen.push('onmessage'), Reflect.apply(onmessage, transport, args)),
      onclose: () => (seen.push('onclose'), onclose.call(transport)),
    };
    Object.assign(transport, over);
    await call();
    expect(names()).toContain('CLIENT tools/call add');
    undo();
    expect(transport).toMatchObject(over);
    await telemetry.reset();
    await call();
    expect(names()).toEqual(['INTERNAL agent']);
    await client.close();
    // SDK v1 tells twice in memory.
    expect([...seen.slice(0, 4), ...new Set(seen.slice(4))]).toEqual([
      'send',
      'onmessage',
      'send',
      'onmessage',
      'onclose',
    ]);
  });

  test.each(['the first first', 'the last first'])('undone beside another that swaps `send`, %s', async (order) => {
    await connected({ add: () => 'done' });
    const transport = transportOf();
    const { send } = transport;
    const sent: string[] = [];
    /** As other tracers do it: what was there comes back. */
    const swap = (name: string): (() => void) => {
      const before = transport.send;
      transport.send = (...args) => (sent.push(name), Reflect.apply(before, transport, args));
      return () => (transport.send = before);
    };
    const undo = [swap('below'), traceConnection(client), swap('over')];
    await call();
    expect(sent).toEqual(['over', 'below']);
    expect(names()).toContain('CLIENT tools/call add');
    for (const one of order === 'the first first' ? undo : undo.toReversed()) one();
    await telemetry.reset();
    await call();
    expect(names()).toEqual(['INTERNAL agent']);
    if (order === 'the last first') expect(transport.send).toBe(send);
  });

  test('a client that connects again is traced again, until it is undone', async () => {
    const said = warnings();
    await connected({ add: () => 'done' });
    const undo = traceConnection(client);
    const first = transportOf();
    await client.close();
    expect(Object.hasOwn(first, 'send')).toBe(false);
    await connect({ add: () => 'again' });
    await call();
    expect(names()).toContain('CLIENT tools/call add');
    undo();
    expect(Object.hasOwn(client, 'connect')).toBe(false);
    await client.close();
    await connect({ add: () => 'done' });
    await call();
    expect(names()).toEqual(['INTERNAL agent']);
    expect(said).toEqual([]);
  });

  test('a connection that fails fails as ever', async () => {
    await connected({});
    traceConnection(client);
    await client.close();
    const no = new Error('no');
    const [transport] = sdk.memory();
    Object.assign(transport, { start: () => Promise.reject(no) });
    await expect(client.connect(transport as never)).rejects.toBe(no);
  });

  test('a server whose client goes has lost nothing', async () => {
    const said = warnings();
    await connected({ add: () => 'done' });
    traceConnection(server);
    await client.close();
    expect(said).toEqual([]);
  });

  test('what is open when it closes ends', async () => {
    const began = gate();
    await connected({ hang: ({ signal }) => (began.open(), untilAborted(signal)) });
    traceConnection(client);
    const calling = call('hang').catch(() => {});
    await began.opened;
    const transport = transportOf();
    await client.close();
    await calling;
    expect(named(telemetry, 'tools/call hang', SpanKind.CLIENT).attributes['error.type']).toBe('connection_closed');
    expect(Object.hasOwn(transport, 'send')).toBe(false);
  });

  test('sessions are measured where the handshake is seen, and not from the middle on', async () => {
    const reader = new ManualReader();
    const options = { meterProvider: new MeterProvider({ readers: [reader] }) };
    client = sdk.client();
    server = sdk.server({ add: () => 'done' });
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    traceConnection(server, options);
    await client.connect(a as never);
    traceConnection(client, options);
    await call();
    await client.close();
    await vi.waitFor(() => expect(Object.hasOwn(b, 'send')).toBe(false), { timeout: 20_000 });
    const { resourceMetrics } = await reader.collect();
    const measured = resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ descriptor }) => descriptor.name),
    );
    expect(measured.filter((name) => name.includes('session'))).toEqual(['mcp.server.session.duration']);
  });

  test('two copies of the package in one process are one wrap', async () => {
    await connected({ add: () => 'done' });
    vi.resetModules();
    const other = await import('../src/index.ts');
    expect(other.traceConnection).not.toBe(traceConnection);
    traceConnection(client);
    other.traceConnection(client)();
    other.traceClient(client);
    await call();
    expect(names()).toEqual(['CLIENT tools/call add', 'INTERNAL agent']);
  });

  test.each([
    ['frozen', Object.freeze],
    ['sealed', Object.seal],
    ['of a `send` that stays', (it: object) => Object.defineProperty(it, 'send', { value() {}, writable: false })],
    ['of an `onmessage` that stays', (it: object) => Object.defineProperty(it, 'onmessage', { writable: false })],
    ['deaf', (it: object) => new Proxy(it, { set: () => true })],
  ])('a transport that is %s is refused, with the fix, and stays as it is', async (_, fix) => {
    await connected({});
    const transport = fix(sdk.memory()[0]) as Transport;
    const { send, onmessage, onclose } = transport;
    for (const connection of [{ transport }, { server: { transport } }]) {
      const trace = () => traceConnection(connection);
      expect(trace).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_ARGUMENT' }));
      expect(trace).toThrow(/cannot replace `(send|onmessage)`.*traceTransport\(transport\)/);
    }
    expect([transport.send, transport.onmessage, transport.onclose]).toEqual([send, onmessage, onclose]);
    expect(Object.getOwnPropertySymbols(transport)).toEqual([]);
  });

  test('a client that connects again to what cannot be changed connects, untraced, and `diag` says so', async () => {
    const said = warnings();
    await connected({});
    traceConnection(client);
    await client.close();
    await server.close();
    server = sdk.server({ add: () => 'done' });
    const [near, far] = sdk.memory();
    Object.defineProperty(near, 'send', { value: near.send.bind(near), writable: false });
    await server.connect(far as never);
    await client.connect(near as never);
    await telemetry.reset();
    await call();
    expect(names()).toEqual(['INTERNAL agent']);
    expect(said).toEqual([expect.stringContaining('cannot replace `send`')]);
  });

  test('a client whose `connect` stays is refused, and its transport stays as it is', async () => {
    await connected({});
    const { send } = transportOf();
    Object.defineProperty(client, 'connect', { value: () => Promise.resolve(), writable: false });
    expect(() => traceConnection(client)).toThrow(/cannot replace `connect`/);
    expect(transportOf().send).toBe(send);
    expect(Object.getOwnPropertySymbols(transportOf())).toEqual([]);
  });

  test('what is not connected is refused, with the fix', async () => {
    await connected({});
    for (const wrong of [sdk.client(), sdk.server({}), {}, undefined, 7]) {
      expect(() => traceConnection(wrong as never)).toThrow(/traceClient\(client\)/);
    }
  });
});
