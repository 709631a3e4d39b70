import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  defaultPort,
  methodAttributes,
  serverAddress,
} from '@throughline/core/http';
import type { UrlRedaction } from '@throughline/core/http';
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_URL_PATH,
  ATTR_URL_QUERY,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from './conventions.ts';
import { applicationOf } from './request.ts';
import type { RequestLike } from './request.ts';

/**
 * Returns what is known of a request before it is handled, by the stable HTTP conventions. The URL is taken apart by
 * `indexOf` alone, once for each request; its userinfo never gets in. Forwarding headers count only as far as the
 * application's `trust proxy` says.
 */
export function requestAttributes(req: RequestLike, redact: UrlRedaction): Attributes {
  const { headers, socket, method } = req;
  const peerAddress = socket.remoteAddress;
  const trusted = trustsProxy(req, peerAddress);
  const scheme =
    (trusted && req.protocol) || ((socket as { encrypted?: unknown }).encrypted === true ? 'https' : 'http');
  const attributes = methodAttributes(method);
  attributes[ATTR_URL_SCHEME] = scheme;
  attributes[ATTR_NETWORK_PROTOCOL_VERSION] = req.httpVersion;
  setUrl(attributes, redact(req.originalUrl ?? req.url ?? '/'));
  const forwardedHost = trusted ? headers['x-forwarded-host'] : undefined;
  setServer(attributes, typeof forwardedHost === 'string' ? firstOf(forwardedHost) : headers.host, scheme);
  if (peerAddress !== undefined) {
    attributes[ATTR_NETWORK_PEER_ADDRESS] = peerAddress;
    if (socket.remotePort !== undefined) attributes[ATTR_NETWORK_PEER_PORT] = socket.remotePort;
  }
  const client = trusted ? req.ip : peerAddress;
  if (client !== undefined) attributes[ATTR_CLIENT_ADDRESS] = client;
  const userAgent = headers['user-agent'];
  if (userAgent !== undefined) attributes[ATTR_USER_AGENT_ORIGINAL] = userAgent;
  return attributes;
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

function setUrl(attributes: Attributes, url: string): void {
  let start = 0;
  // Absolute form, sent to proxies (RFC 9112, 3.2.2): scheme and authority, with its userinfo, are skipped.
  if (url.charCodeAt(0) !== SLASH && url !== '*') {
    const authority = url.indexOf('://');
    if (authority !== -1) {
      start = authority + 3;
      while (start < url.length && url.charCodeAt(start) !== SLASH && url.charCodeAt(start) !== QUESTION) start++;
    }
  }
  const fragment = url.indexOf('#', start);
  const end = fragment === -1 ? url.length : fragment;
  let query = url.indexOf('?', start);
  if (query === -1 || query > end) query = end;
  attributes[ATTR_URL_PATH] = query === start ? '/' : url.slice(start, query);
  if (query + 1 < end) attributes[ATTR_URL_QUERY] = url.slice(query + 1, end);
}

const SLASH = 0x2f;
const QUESTION = 0x3f;

// What no host can be called is not remembered, nor named: 253 characters and a port.
const MAX_HOST = 259;

// Most requests name the same host as the one before.
let last: Server = { given: '', address: '', port: undefined };

function setServer(attributes: Attributes, given: string | undefined, scheme: string): void {
  if (given === undefined || given === '' || given.length > MAX_HOST) return;
  if (given !== last.given) last = parseServer(given);
  const { address, port = defaultPort(scheme) ?? 80 } = last;
  if (address === '') return;
  attributes[ATTR_SERVER_ADDRESS] = address;
  if (port > 0 && port < 65_536 && Number.isInteger(port)) attributes[ATTR_SERVER_PORT] = port;
}

interface Server {
  readonly given: string;
  readonly address: string;
  /** `undefined` where none is given. */
  readonly port: number | undefined;
}

function parseServer(given: string): Server {
  const host = given.slice(given.lastIndexOf('@') + 1);
  const colon = host.lastIndexOf(':');
  // `[::1]` ends in a bracket: its last colon starts no port.
  const hasPort = colon !== -1 && host.indexOf(']', colon) === -1;
  const address = hasPort ? host.slice(0, colon) : host;
  return {
    given,
    address: serverAddress(address),
    port: hasPort ? Number(host.slice(colon + 1)) : undefined,
  };
}

function firstOf(list: string): string {
  const comma = list.indexOf(',');
  return (comma === -1 ? list : list.slice(0, comma)).trim();
}
