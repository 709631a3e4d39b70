import type { ServerRequest } from '@throughline/core/http';
import { applicationOf } from './request.ts';
import type { RequestLike } from './request.ts';

/**
 * Returns what is known of a request before it is handled. Forwarding headers count only as far as the application's `trust proxy`
 * says.
 */
export function serverRequest(req: RequestLike): ServerRequest {
  const { headers, socket } = req;
  const peerAddress = socket.remoteAddress;
  const trusted = trustsProxy(req, peerAddress);
  const forwardedHost = trusted ? headers['x-forwarded-host'] : undefined;
  return {
    method: req.method,
    url: req.originalUrl ?? req.url,
    scheme: (trusted && req.protocol) || ((socket as { encrypted?: unknown }).encrypted === true ? 'https' : 'http'),
    protocolVersion: req.httpVersion,
    host: typeof forwardedHost === 'string' ? firstOf(forwardedHost) : headers.host,
    peerAddress,
    peerPort: socket.remotePort,
    clientAddress: trusted ? req.ip : peerAddress,
    userAgent: headers['user-agent'],
  };
}

/** Returns the address of who asks: that of the socket, or behind a proxy that the application trusts, the one it forwards for. */
export function clientAddress(req: RequestLike): string | undefined {
  const peerAddress = req.socket.remoteAddress;
  return trustsProxy(req, peerAddress) ? req.ip : peerAddress;
}

type TrustProxy = (address: string | undefined, distance: number) => unknown;

// Express compiles `trust proxy` to a function of the address and its distance; the socket's own is at 0.
function trustsProxy(req: RequestLike, address: string | undefined): boolean {
  const trust = applicationOf(req)?.settings?.['trust proxy fn'] as TrustProxy | undefined;
  if (trust === undefined) return false;
  try {
    return trust(address, 0) === true;
  } catch {
    // A function of the user's: it has its say when the user asks for `req.ip`.
    return false;
  }
}

function firstOf(list: string): string {
  const comma = list.indexOf(',');
  return (comma === -1 ? list : list.slice(0, comma)).trim();
}
