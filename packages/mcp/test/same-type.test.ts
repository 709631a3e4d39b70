import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { InMemoryTransport as InMemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer as McpServerV2, Server as ServerV2, InMemoryTransport } from '@modelcontextprotocol/server';
import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import { traceClient, traceServer, traceTransport } from '../src/index.ts';

const info = { name: 'x', version: '1.0.0' };

describe('a traced thing passes for what it was', () => {
  test('instanceof, constructor, in, and the static type', () => {
    const stdio = traceTransport(new StdioV2({ command: 'node' }));
    expectTypeOf(stdio).toEqualTypeOf<StdioV2>();
    expect(stdio).toBeInstanceOf(StdioV2);
    expect(stdio.constructor).toBe(StdioV2);
    expect('stderr' in stdio && 'pid' in stdio).toBe(true);
    expect(Object.getPrototypeOf(stdio)).toBe(StdioV2.prototype);
    expect(traceTransport(new StdioV1({ command: 'node' })).constructor).toBe(StdioV1);

    expectTypeOf(traceClient(new ClientV1(info))).toEqualTypeOf<ClientV1>();
    expectTypeOf(traceClient(new ClientV2(info))).toEqualTypeOf<ClientV2>();
    expect(traceClient(new ClientV1(info))).toBeInstanceOf(ClientV1);
    expect(traceClient(new ClientV2(info))).toBeInstanceOf(ClientV2);
    for (const [Server, McpServer] of [
      [ServerV1, McpServerV1],
      [ServerV2, McpServerV2],
    ] as const) {
      expect(traceServer(new Server(info))).toBeInstanceOf(Server);
      const server = traceServer(new McpServer(info));
      expect(server).toBeInstanceOf(McpServer);
      expect(server.server).toBeInstanceOf(Server);
      expect(server.server).toBe(server.server);
    }
  });

  test('methods see #private fields, and are the same function each time', async () => {
    class Hidden {
      #started = false;
      onmessage?: (message: unknown) => void;
      async start(): Promise<void> {
        this.#started = true;
      }
      async send(_message: unknown): Promise<void> {
        if (!this.#started) throw new Error('not started');
      }
      async close(): Promise<void> {
        this.#started = false;
      }
      get started(): boolean {
        return this.#started;
      }
    }
    const transport = traceTransport(new Hidden());
    expect(transport.close).toBe(transport.close);
    await transport.start();
    expect(transport.started).toBe(true);
    await transport.send({ jsonrpc: '2.0', id: 1, method: 'x' });
  });

  test('handlers and methods that are assigned come back as they are', async () => {
    const [target] = InMemoryTransport.createLinkedPair();
    const transport = traceTransport(target);
    const onmessage = (): void => {};
    const onclose = vi.fn<() => void>();
    const start = vi.fn<() => Promise<void>>(async () => {});
    Object.assign(transport, { onmessage, onclose, start });
    expect(transport.onmessage).toBe(onmessage);
    expect(transport.onclose).toBe(onclose);
    expect(transport.start).toBe(start);
    Object.assign(transport, { onmessage: undefined });
    expect(transport.onmessage).toBeUndefined();
    expect(target.onmessage).toBeUndefined();
    await transport.close();
    expect(onclose).toHaveBeenCalledOnce();

    const server = traceServer(new ServerV2(info));
    server.onclose = onclose;
    expect(server.onclose).toBe(onclose);
  });

  test('a method that is assigned may call the one that was there', async () => {
    const [a, b] = InMemoryTransport.createLinkedPair();
    const transport = traceTransport(a);
    const { send } = transport;
    const sent: unknown[] = [];
    transport.send = (message, options) => {
      sent.push(message);
      return send(message, options);
    };
    const client = traceClient(new ClientV2(info));
    const { connect } = client;
    const connected: unknown[] = [];
    client.connect = (to, options) => {
      connected.push(to);
      return connect(to, options);
    };
    await new McpServerV2(info).connect(b);
    await client.connect(transport);
    await client.ping();
    expect(connected).toEqual([transport]);
    expect(sent).toContainEqual(expect.objectContaining({ method: 'ping' }));
    await client.close();
  });

  test.each([
    ['v1', ClientV1, McpServerV1, InMemoryV1],
    ['v2', ClientV2, McpServerV2, InMemoryTransport],
  ] as const)(
    'what %s has for its transport passes for the one that it connected',
    async (_line, Client, McpServer, Memory) => {
      const [a, b] = Memory.createLinkedPair();
      const client = traceClient(new Client(info));
      const server = traceServer(new McpServer(info));
      await server.connect(b);
      await client.connect(a);
      for (const transport of [client.transport, server.server.transport]) {
        expect(transport).toBeInstanceOf(Memory);
        expect(Object.getPrototypeOf(transport)).toBe(Memory.prototype);
        expect('sessionId' in (transport ?? {})).toBe('sessionId' in a);
        expect(Object.keys(transport ?? {})).toEqual(expect.arrayContaining(['_messageQueue']));
      }
      expect(client.transport).toBe(client.transport);

      const { transport } = client as { transport?: { send: (...args: unknown[]) => Promise<void> } };
      if (transport === undefined) throw new Error('not connected');
      const { send } = transport;
      const sent: unknown[] = [];
      transport.send = (...args) => {
        sent.push(args[0]);
        return send(...args);
      };
      await client.ping();
      expect(sent).toEqual([expect.objectContaining({ method: 'ping' })]);
      await client.close();
      expect([client.transport, server.server.transport]).toEqual([undefined, undefined]);
    },
  );

  test('handlers that were there before the wrap go on', async () => {
    const [a, b] = InMemoryTransport.createLinkedPair();
    const seen: unknown[] = [];
    a.onmessage = (message) => void seen.push(message);
    a.onclose = () => void seen.push('closed');
    const client = traceClient(new ClientV2(info));
    const server = new McpServerV2(info);
    await server.connect(b);
    await client.connect(a);
    await client.close();
    expect(seen).toEqual([expect.objectContaining({ id: 0 }), 'closed']);
  });

  test('every option of a send is handed on', async () => {
    const [target] = InMemoryTransport.createLinkedPair();
    const send = vi.spyOn(target, 'send').mockResolvedValue();
    const options = Object.freeze({
      relatedRequestId: 3,
      headers: { a: 'b' },
      resumptionToken: 'r',
      onRequestStreamEnd: () => {},
    });
    const transport = traceTransport(target) as { send(message: unknown, options?: unknown): Promise<void> };
    const messages = [
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } },
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } },
      { jsonrpc: '2.0', id: 1, result: {} },
      'not a message',
      [{ jsonrpc: '2.0', id: 1, method: 'ping' }],
    ];
    for (const message of messages) await transport.send(message, options);
    expect(send.mock.calls.map(([, given]) => given)).toEqual(messages.map(() => options));
  });

  test('what a send throws or rejects with is the same object', async () => {
    const [target] = InMemoryTransport.createLinkedPair();
    const transport = traceTransport(target) as { send(message: unknown): Promise<void> };
    const mine = new Error('mine');
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } };
    const send = vi.spyOn(target, 'send').mockRejectedValueOnce(mine);
    await expect(transport.send(message)).rejects.toBe(mine);
    send.mockImplementationOnce(() => {
      throw mine;
    });
    expect(() => transport.send(message)).toThrow(mine);
  });
});
