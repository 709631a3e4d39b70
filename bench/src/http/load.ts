import { connect } from 'node:net';
import type { Subject } from '../subject.ts';

/** Keep-alive connections that {@link load} uses. */
export const CONNECTIONS = 20;

const REQUEST = Buffer.from(
  [
    'GET /users/42 HTTP/1.1',
    'Host: 127.0.0.1:8080',
    'User-Agent: bench/1.0',
    'Accept: application/json',
    'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '',
    '',
  ].join('\r\n'),
);
const BODY_END = 0x7d;

/** Sends `count` requests over keep-alive connections to the port that a subject is ready at, each one when the answer to the one before is there. */
export async function load(subject: Subject, count: number): Promise<void> {
  const port = Number(subject.ready);
  let left = count;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(port, '127.0.0.1').setNoDelay(true);
      await new Promise<void>((resolve, reject) => {
        const next = (): void => {
          if (left-- > 0) socket.write(REQUEST);
          else socket.end(resolve);
        };
        socket.on('error', reject);
        socket.on('connect', next);
        // The body is small JSON: the last byte of an answer is its closing brace.
        socket.on('data', (chunk: Buffer) => {
          if (chunk[chunk.length - 1] === BODY_END) next();
        });
      });
    }),
  );
}
