import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

// eslint-disable-next-line no-control-regex -- these are what it is about
const UNSENDABLE = /[\0-\x08\n-\x1f\x7f]/g;

/**
 * Node's client refuses control characters in a header. This stands in for them where the client looks, and puts them back into the bytes
 * that leave.
 */
export interface RawHeaders {
  standIn(value: string): string;
  /** Returns what the client writes to, in the place of the socket. */
  through(socket: Socket): Duplex;
}

export function rawHeaders(): RawHeaders {
  const token = randomBytes(8).toString('hex');
  let isUsed = false;
  return {
    standIn: (value) =>
      value.replace(UNSENDABLE, (character) => {
        isUsed = true;
        return `${token}${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
      }),
    through(socket) {
      if (!isUsed) return socket;
      const back = new RegExp(`${token}(..)`, 'g');
      // The client writes all headers at once.
      const restored = (chunk: Buffer): Buffer =>
        Buffer.from(
          chunk.toString('latin1').replace(back, (_, code: string) => String.fromCharCode(parseInt(code, 16))),
          'latin1',
        );
      const duplex = new Duplex({
        write: (chunk: Buffer, _encoding, done) => void socket.write(restored(chunk), done),
        final: (done) => void socket.end(done),
        read: () => void socket.resume(),
        destroy: (error, done) => {
          socket.destroy();
          done(error);
        },
      });
      socket.on('data', (chunk: Buffer) => duplex.push(chunk) || socket.pause());
      socket.on('end', () => duplex.push(null));
      return duplex;
    },
  };
}
