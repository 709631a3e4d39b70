import type { Server } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';

// Every connection of HTTP/2 begins with `PRI * HTTP/2.0`, and no request of HTTP/1 does: PRI is reserved for this.
// https://www.rfc-editor.org/rfc/rfc9113#section-3.4
const PREFACE = 'PRI';

/**
 * Has connections to an HTTP server that begin as HTTP/2 does taken by another one, without TLS: one port speaks both. Returns the
 * sockets which the first does not know of, for who closes it.
 */
export function takeHttp2(server: Server, http2: Http2Server, timeoutMs: number): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  const http1 = server.listeners('connection');
  server.removeAllListeners('connection').on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    firstBytes(socket, timeoutMs, (isHttp2) => {
      if (isHttp2) {
        // HTTP/1 keeps a connection to answer who has sent the last of a request; here it would keep who has gone.
        socket.allowHalfOpen = false;
        http2.emit('connection', socket);
        return;
      }
      sockets.delete(socket);
      for (const take of http1) take.call(server, socket);
    });
  });
  return sockets;
}

/** Tells what a connection speaks, and leaves all of its bytes to be read. A silent one is ended. */
function firstBytes(socket: Socket, timeoutMs: number, tell: (isHttp2: boolean) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const giveUp = (): void => void socket.destroy();
  const deadline = setTimeout(giveUp, timeoutMs);
  const look = (): void => {
    const more = socket.read() as Buffer | null;
    if (more === null) return;
    bytes = Buffer.concat([bytes, more]);
    const start = bytes.toString('latin1', 0, PREFACE.length);
    if (start.length < PREFACE.length && PREFACE.startsWith(start)) return;
    clearTimeout(deadline);
    socket.off('readable', look).off('error', giveUp).off('end', giveUp).off('close', stop);
    socket.unshift(bytes);
    tell(start === PREFACE);
  };
  const stop = (): void => clearTimeout(deadline);
  socket.on('readable', look).on('error', giveUp).on('end', giveUp).on('close', stop);
}
