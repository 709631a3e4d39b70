import type { ServerRequest } from '@throughline/core/http';
import type { FastifyRequestLike } from './fastify.ts';

/** Returns what Fastify knows of a request that arrives. Forwarding headers count as far as its `trustProxy` says. */
export function serverRequest(request: FastifyRequestLike): ServerRequest {
  const { raw, originalUrl } = request;
  const { protocol, host, ip } = forwarded(request);
  const { httpVersion, socket } = raw;
  return {
    method: raw.method,
    url: originalUrl,
    // What a proxy says may be any text.
    scheme: protocol === 'https' ? 'https' : 'http',
    protocolVersion: httpVersion,
    host,
    peerAddress: socket.remoteAddress,
    peerPort: socket.remotePort,
    clientAddress: ip,
    userAgent: raw.headers['user-agent'],
  };
}

/** Returns the address of who asks: that of the socket, or the one that a trusted proxy forwards for. */
export function clientAddress(request: FastifyRequestLike): string | undefined {
  return forwarded(request).ip;
}

type Forwarded = Partial<Pick<FastifyRequestLike, 'protocol' | 'host' | 'ip'>>;

function forwarded(request: FastifyRequestLike): Forwarded {
  try {
    const { protocol, host, ip } = request;
    return { protocol, host, ip };
  } catch {
    // `trustProxy` may be a function of the user's: it has its say when the user asks.
    return {};
  }
}
