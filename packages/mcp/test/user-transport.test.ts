import { SpanKind } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { traceClient, traceServer, traceTransport } from '../src/index.ts';
import { inFlightKey } from '../src/transport.ts';
import { text, v1, v2 } from './sdk.ts';
import { inSpan, parentOf, spanOf } from './spans.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = startTelemetry();
});
afterEach(() => telemetry.shutdown());

/** A transport as users write one, in memory. */
interface UserTransport {
  peer?: UserTransport | undefined;
  started: boolean;
  onmessage?: ((message: unknown) => void) | undefined;
  onclose?: (() => void) | undefined;
  onerror?: ((error: unknown) => void) | undefined;
  start(): Promise<void>;
  send(message: unknown): Promise<void>;
  close(): Promise<void>;
  arrived(message: unknown): void;
}

const methods = {
  async start(this: UserTransport): Promise<void> {
    this.started = true;
  },
  async send(this: UserTransport, message: unknown): Promise<void> {
    if (!this.started) throw new Error('not started');
    const { peer } = this;
    const copy: unknown = JSON.parse(JSON.stringify(message));
    setImmediate(() => peer?.arrived(copy));
  },
  async close(this: UserTransport): Promise<void> {
    const { peer } = this;
    if (peer !== undefined) {
      peer.peer = this.peer = undefined;
      await peer.close();
    }
    this.onclose?.();
  },
  arrived(this: UserTransport, message: unknown): void {
    this.onmessage?.(message);
  },
};

function OldTransport(this: UserTransport): void {
  Object.assign(this, { started: false }, methods);
}

class Fields implements UserTransport {
  peer?: UserTransport | undefined;
  started = false;
  onmessage?: (message: unknown) => void;
  onclose?: () => void;
  start = async (): Promise<void> => methods.start.call(this);
  send = async (message: unknown): Promise<void> => methods.send.call(this, message);
  close = async (): Promise<void> => methods.close.call(this);
  arrived = (message: unknown): void => methods.arrived.call(this, message);
}

class Private implements UserTransport {
  peer?: UserTransport | undefined;
  onmessage?: (message: unknown) => void;
  onclose?: () => void;
  #started = false;
  get started(): boolean {
    return this.#started;
  }
  async start(): Promise<void> {
    this.#started = true;
  }
  send(message: unknown): Promise<void> {
    return methods.send.call(this, message);
  }
  close(): Promise<void> {
    return methods.close.call(this);
  }
  arrived(message: unknown): void {
    methods.arrived.call(this, message);
  }
}

function overItself(): UserTransport {
  const self: UserTransport = {
    started: false,
    start: async () => methods.start.call(self),
    send: async (message) => methods.send.call(self, message),
    close: async () => methods.close.call(self),
    arrived: (message) => methods.arrived.call(self, message),
  };
  return self;
}

function fixed(): UserTransport {
  const transport = { started: false } as UserTransport;
  Object.assign(transport, methods);
  // SDK v2 assigns `start` and `close`.
  for (const name of ['send', 'arrived'] as const)
    Object.defineProperty(transport, name, { value: methods[name], writable: false, configurable: false });
  return transport;
}

const makers: [string, () => UserTransport][] = [
  ['a plain object with methods', () => ({ started: false, ...methods })],
  ['an object without a prototype', () => Object.assign(Object.create(null) as object, { started: false, ...methods })],
  ['an object made by Object.create', () => Object.assign(Object.create(methods) as UserTransport, { started: false })],
  ['an instance of a constructor function', () => new (OldTransport as unknown as new () => UserTransport)()],
  ['an instance whose methods are arrow functions', () => new Fields()],
  ['an instance with #private fields', () => new Private()],
  ['a plain object of arrow functions', overItself],
  ['an object whose methods cannot be written over', fixed],
  [
    'a sealed object',
    () =>
      Object.seal({
        started: false,
        peer: undefined,
        onmessage: undefined,
        onclose: undefined,
        onerror: undefined,
        sessionId: undefined,
        setProtocolVersion: undefined,
        ...methods,
      } as UserTransport),
  ],
];

function pair(make: () => UserTransport): [UserTransport, UserTransport] {
  const [near, far] = [make(), make()];
  near.peer = far;
  far.peer = near;
  return [near, far];
}

describe.each(makers)('%s is a transport', (_, make) => {
  test.each([v1, v2(), v2(true)])('of $name: calls are one trace, and none is left open', async (sdk) => {
    const [near, far] = pair(make);
    let called = (): void => {};
    const inTool = new Promise<void>((resolve) => (called = resolve));
    const client = traceClient(sdk.client());
    const server = traceServer(
      sdk.server({
        work: () => inSpan('work', async () => 'done'),
        // Answers when the client is gone.
        never: ({ signal }) => {
          called();
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')));
        },
      }),
    );
    await server.connect(far as never);
    await client.connect(near as never);
    const closed = vi.fn<() => void>();
    Object.assign(client, { onclose: closed });
    await telemetry.reset();
    expect(text(await inSpan('agent', () => sdk.call(client, 'work')))).toBe('done');
    const out = spanOf(telemetry, 'tools/call work', SpanKind.CLIENT);
    const into = spanOf(telemetry, 'tools/call work', SpanKind.SERVER);
    expect([parentOf(out), parentOf(into), parentOf(telemetry.find('work'))]).toEqual([
      telemetry.find('agent').spanContext().spanId,
      out.spanContext().spanId,
      into.spanContext().spanId,
    ]);

    const { transport } = client as { transport?: { [inFlightKey]?: number } };
    const hanging = sdk.call(client, 'never');
    hanging.catch(() => {});
    await inTool;
    expect(transport?.[inFlightKey]).toBe(1);
    await client.close();
    await expect(hanging).rejects.toThrow();
    expect(spanOf(telemetry, 'tools/call never', SpanKind.CLIENT).attributes['error.type']).toBe('connection_closed');
    expect(transport?.[inFlightKey]).toBe(0);
    expect(closed).toHaveBeenCalledOnce();
  });

  test('whose methods stay the same, and whose handlers are those that were assigned', async () => {
    const target = make();
    const before = function (this: unknown): void {};
    if (Object.isExtensible(target)) target.onerror = before;
    const transport = traceTransport(target);
    if (Object.isExtensible(target)) expect(transport.onerror).toBe(before);
    for (const name of ['start', 'send', 'close'] as const) expect(transport[name]).toBe(transport[name]);
    const handlers = { onmessage: vi.fn<() => void>(), onclose: vi.fn<() => void>(), onerror: vi.fn<() => void>() };
    Object.assign(transport, handlers);
    expect([transport.onmessage, transport.onclose, transport.onerror]).toEqual(Object.values(handlers));
    await transport.start();
    expect([transport.started, target.started]).toEqual([true, true]);
    const { close } = transport;
    await close();
    expect(handlers.onclose).toHaveBeenCalledOnce();
    expect(handlers.onclose.mock.contexts[0]).toBe(target);
  });
});

test('a mock that is a method is still one', async () => {
  const mock = () => vi.fn<() => Promise<void>>(async () => {});
  const target = { start: mock(), send: mock(), close: mock() };
  const transport = traceTransport(target);
  await transport.close();
  expect(transport.close).toHaveBeenCalledOnce();
  expect(target.close.mock.contexts[0]).toBe(target);
});
