import { diag, DiagLogLevel, SpanKind } from '@opentelemetry/api';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { traceClient, traceServer, traceToolHandler, traceTransport } from '../src/index.ts';

let telemetry: Telemetry;
const told: string[] = [];
beforeEach(() => {
  told.splice(0);
  delete (globalThis as Record<symbol, unknown>)[Symbol.for('throughline.warnings')];
  const tell = (message: string): void => void told.push(message);
  diag.setLogger({ error: tell, warn: tell, info: tell, debug: tell, verbose: tell }, DiagLogLevel.WARN);
  telemetry = startTelemetry();
});
afterEach(() => {
  diag.disable();
  return telemetry.shutdown();
});

type Transport = Parameters<McpServer['connect']>[0];

class AgentServer extends McpServer {
  listened = 0;
  private readonly names: string[] = [];
  constructor() {
    super({ name: 'agent', version: '1.0.0' });
    this.registerTool('work', {}, () => ({ content: [{ type: 'text', text: 'done' }] }));
  }
  async listen(transport: Transport): Promise<this> {
    this.listened++;
    this.names.push('listen');
    await this.connect(transport);
    return this;
  }
}

class AgentClient extends Client {
  constructor() {
    super({ name: 'agent', version: '1.0.0' });
  }
  async dial(transport: Transport): Promise<void> {
    await this.connect(transport);
  }
}

class PrivateServer extends McpServer {
  #listened = 0;
  constructor() {
    super({ name: 'private', version: '1.0.0' });
  }
  async listen(transport: Transport): Promise<number> {
    await this.connect(transport);
    return ++this.#listened;
  }
}

describe('a subclass that connects by a method of its own', () => {
  test('is traced at both ends, keeps its state, and returns itself', async () => {
    const [near, far] = InMemoryTransport.createLinkedPair();
    const own = new AgentServer();
    const server = traceServer(own);
    const client = traceClient(new AgentClient());
    expect(await server.listen(far)).toBe(server);
    await client.dial(near);
    await client.callTool({ name: 'work', arguments: {} });
    expect(own.listened).toBe(1);
    const kinds = telemetry.spans().flatMap(({ name, kind }) => (name === 'tools/call work' ? [SpanKind[kind]] : []));
    expect(kinds.toSorted()).toEqual(['CLIENT', 'SERVER']);
    await client.close();
    expect(told).toEqual([]);
  });

  test('with #private fields works as it is, and `diag` says once what goes past tracing', async () => {
    const [near, far] = InMemoryTransport.createLinkedPair();
    const server = traceServer(new PrivateServer());
    const client = new Client({ name: 'bare', version: '1.0.0' });
    expect(await Promise.all([server.listen(far), client.connect(near)])).toEqual([1, undefined]);
    traceServer(new PrivateServer());
    expect(told).toEqual([expect.stringMatching(/calls `this\.connect\(\)`, which goes past tracing/)]);
    await client.close();
  });

  test('of SDK v2 is traced too', async () => {
    class Agent extends ClientV2 {
      async dial(transport: Parameters<ClientV2['connect']>[0]): Promise<void> {
        await this.connect(transport);
      }
    }
    class Tools extends McpServerV2 {
      async listen(transport: Parameters<McpServerV2['connect']>[0]): Promise<void> {
        await this.connect(transport);
      }
    }
    const [near, far] = InMemoryTransport.createLinkedPair();
    const server = traceServer(new Tools({ name: 'tools', version: '1.0.0' }));
    const client = traceClient(new Agent({ name: 'agent', version: '1.0.0' }));
    await Promise.all([server.listen(far as never), client.dial(near as never)]);
    expect(
      telemetry
        .spans()
        .map(({ name, kind }) => `${SpanKind[kind]} ${name}`)
        .toSorted(),
    ).toEqual(['CLIENT initialize', 'SERVER initialize']);
    await client.close();
  });
});

describe('what cannot be wrapped says the fix at once', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['traceServer(undefined)', () => traceServer(undefined as never), /`traceServer` takes a server, such as/],
    ['traceServer({})', () => traceServer({} as never), /`traceServer` takes a server/],
    ['a factory', () => traceServer((() => new AgentServer()) as never), /wrap what it returns/],
    ['traceClient(null)', () => traceClient(null as never), /`traceClient` takes a client/],
    ['traceTransport({})', () => traceTransport({} as never), /`traceTransport` takes a transport/],
    ['traceTransport(undefined)', () => traceTransport(undefined as never), /`traceTransport` takes a transport/],
    ['traceToolHandler(undefined)', () => traceToolHandler(undefined as never, { name: 'add' }), /takes the function/],
  ])('%s', (_, wrap, message) => {
    expect(wrap).toThrow(expect.objectContaining({ code: 'ERR_THROUGHLINE_ARGUMENT' }));
    expect(wrap).toThrow(message);
  });
});
