/** A queue as a team may have one: a broker that speaks lines of JSON over TCP, and its client. Nothing here knows of tracing. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface QueueMessage {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

export type Handler = (message: QueueMessage) => unknown;

export interface Queue {
  /** Resolves once the broker has the message. */
  push(topic: string, message: QueueMessage): Promise<void>;
  /** Hands each message of a topic to `handler`. Resolves once the broker knows. */
  subscribe(topic: string, handler: Handler): Promise<void>;
}

interface Line {
  readonly id?: number;
  readonly done?: number;
  readonly subscribe?: boolean;
  readonly topic?: string;
  readonly message?: QueueMessage;
}

const send = (socket: Socket, line: Line): boolean => socket.write(`${JSON.stringify(line)}\n`);
const onLine = (socket: Socket, told: (line: Line) => void): void => {
  let rest = '';
  socket
    .setNoDelay()
    .setEncoding('utf8')
    .on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) told(JSON.parse(line) as Line);
    });
};

/** Starts a broker on a port of loopback. A message goes to every subscriber of its topic, or waits for the first. */
export async function startBroker(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const subscribers = new Map<string, Set<Socket>>();
  const waiting = new Map<string, Line[]>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      for (const some of subscribers.values()) some.delete(socket);
    });
    onLine(socket, ({ id, subscribe, topic = '', message }) => {
      const there = subscribers.get(topic) ?? new Set<Socket>();
      subscribers.set(topic, there);
      if (subscribe === true) there.add(socket);
      else waiting.set(topic, [...(waiting.get(topic) ?? []), { topic, message: message as QueueMessage }]);
      if (id !== undefined) send(socket, { done: id });
      if (there.size === 0) return;
      for (const line of waiting.get(topic) ?? []) for (const one of there) send(one, line);
      waiting.delete(topic);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A connection to a broker. A handler that fails loses its message, and `onFailed` hears of it. */
export class QueueClient implements Queue {
  readonly #socket: Socket;
  readonly #handlers = new Map<string, Handler[]>();
  readonly #asked = new Map<number, () => void>();
  #ids = 0;
  onFailed: (error: unknown) => void = () => {};

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').on('error', (error) => this.onFailed(error));
    onLine(this.#socket, ({ done, topic = '', message }) => {
      if (done !== undefined) this.#asked.get(done)?.();
      else for (const handler of this.#handlers.get(topic) ?? []) void this.#handle(handler, message as QueueMessage);
    });
  }

  push(topic: string, message: QueueMessage): Promise<void> {
    return this.#ask({ topic, message });
  }

  subscribe(topic: string, handler: Handler): Promise<void> {
    this.#handlers.set(topic, [...(this.#handlers.get(topic) ?? []), handler]);
    return this.#ask({ topic, subscribe: true });
  }

  close(): void {
    this.#socket.end();
  }

  #ask(line: Line): Promise<void> {
    const id = this.#ids++;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      send(this.#socket, { ...line, id });
    });
  }

  async #handle(handler: Handler, message: QueueMessage): Promise<void> {
    try {
      await handler(message);
    } catch (error) {
      this.onFailed(error);
    }
  }
}
