import { diag, DiagLogLevel, SpanKind } from '@opentelemetry/api';
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

describe.each([v1, v2()])('traceConnection, $name', (sdk) => {
  let client: TestClient;
  let server: TestServer;
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  /** Connects a client and a server that nobody has traced. */
  async function connected(tools: Record<string, Tool>): Promise<void> {
    client = sdk.client();
    server = sdk.server(tools);
    const [a, b] = sdk.memory();
    await server.connect(b as never);
    await client.connect(a as never);
    await telemetry.reset();
  }

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
    let go = (): void => {};
    const waits = new Promise<void>((resolve) => (go = resolve));
    let began = (): void => {};
    const beginning = new Promise<void>((resolve) => (began = resolve));
    await connected({ add: async () => (began(), await waits, 'done'), other: () => 'done' });
    const undo = [traceConnection(client), traceConnection(server)];
    const { send } = client.transport as { send: unknown };
    const calling = call();
    await beginning;
    for (const one of undo) one();
    await call('other');
    go();
    await calling;
    await vi.waitFor(() => expect((client.transport as { send: unknown }).send).not.toBe(send));
    expect(names().filter((name) => name.includes('tools/call'))).toEqual([
      'SERVER tools/call add',
      'CLIENT tools/call add',
    ]);
    expect(telemetry.spans().map(({ status }) => status.code)).toEqual(telemetry.spans().map(() => 0));
  });

  test('it ends with the connection, and `diag` says so', async () => {
    delete (globalThis as { [key: symbol]: unknown })[Symbol.for('throughline.warnings')];
    await connected({ add: () => 'done' });
    const warn = vi.fn<(message: string) => void>();
    diag.setLogger({ verbose() {}, debug() {}, info() {}, error() {}, warn }, DiagLogLevel.WARN);
    const transport = client.transport as object;
    traceConnection(client);
    await client.close();
    diag.disable();
    expect(Object.hasOwn(transport, 'send')).toBe(false);
    expect(warn.mock.calls.flat()).toEqual([expect.stringContaining('call `traceConnection` again')]);
  });

  test('what is not connected is refused, with the fix', async () => {
    await connected({});
    for (const wrong of [sdk.client(), sdk.server({}), {}, undefined, 7]) {
      expect(() => traceConnection(wrong as never)).toThrow(/traceClient\(client\)/);
    }
  });
});
