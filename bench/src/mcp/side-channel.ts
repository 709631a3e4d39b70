import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** What a process answers, by question. */
export type Answers = Readonly<Record<string, () => unknown>>;
/** Asks one question. One at a time. */
export type Ask = (question: string) => Promise<unknown>;

/** One end of a line between two processes that leaves their stdio alone: nothing of it is traced or counted as a call. */
export interface SideChannel {
  readonly port: number;
  /** Settles once the other process has called {@link answer}. */
  readonly answering: Promise<Ask>;
}

/** Waits for a process to {@link answer} on `port`. */
export async function openSideChannel(): Promise<SideChannel> {
  const server = createServer();
  const answering = once(server, 'connection').then(([socket]) => asking(socket as Socket));
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, answering };
}

function asking(socket: Socket): Ask {
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return async (question) => {
    socket.write(`${question}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the other process has gone, and does not answer ${question}`);
    return JSON.parse(value) as unknown;
  };
}

/** Answers what the process that listens on `port` asks, for as long as something else keeps this process alive. */
export async function answer(port: number, answers: Answers): Promise<void> {
  const socket = connect(port, '127.0.0.1').unref();
  await once(socket, 'connect');
  createInterface({ input: socket }).on('line', (question) => {
    void Promise.resolve(answers[question]?.()).then((value) => socket.write(`${JSON.stringify(value ?? null)}\n`));
  });
}
