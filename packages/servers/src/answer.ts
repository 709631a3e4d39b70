/** Asks whoever listens on a port one question: the sign that a server serves, without a client library. */
import { connect } from 'node:net';

const WITHIN_MS = 1000;
const MAX_ANSWER_BYTES = 1 << 20;

export interface Question {
  /** Sent once connected; nothing when the server speaks first. */
  say?: string | Buffer;
  /** Whether the bytes so far are the whole answer. */
  complete: (answer: Buffer) => boolean;
}

/** Returns the answer, or `undefined` when there is none in time. */
export function ask(host: string, port: number, { say, complete }: Question): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (answer?: Buffer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(done, WITHIN_MS);
    let received: Buffer = Buffer.alloc(0);
    if (say !== undefined) socket.on('connect', () => socket.write(say));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (complete(received)) done(received);
      else if (received.length > MAX_ANSWER_BYTES) done();
    });
    socket.on('error', () => done());
    socket.on('close', () => done());
  });
}
