import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_PATH,
  ATTR_URL_QUERY,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from './conventions.ts';
import { methodAttributes } from './methods.ts';
import type { UrlRedaction } from './redaction.ts';
import { defaultPort, serverAddress } from './server.ts';

/** What a server knows of a request before it is handled. What cannot be known is `undefined`. */
export interface ServerRequest {
  readonly method: string | undefined;
  /** The target of the request line, or a whole URL. */
  readonly url: string | undefined;
  readonly scheme: string;
  /** As the server has it: `1.1`, `2.0`. The conventions have `2` for that. */
  readonly protocolVersion?: string | undefined;
  /** Whom the request is for: `Host`, or what a trusted proxy says it was, the first of a list. */
  readonly host?: string | undefined;
  /** The other end of the connection. */
  readonly peerAddress?: string | undefined;
  readonly peerPort?: number | undefined;
  /** Who asks: the peer, or behind a trusted proxy the one that it forwards for. */
  readonly clientAddress?: string | undefined;
  readonly userAgent?: string | undefined;
}

/**
 * Returns the attributes of a SERVER span that are known before the request is handled, by the stable HTTP conventions. The URL is
 * taken apart by `indexOf` alone, once for each request; its userinfo never gets in.
 */
export function requestAttributes(request: ServerRequest, redact: UrlRedaction): Attributes {
  const { scheme, protocolVersion, peerAddress, peerPort, clientAddress, userAgent } = request;
  const attributes = methodAttributes(request.method);
  attributes[ATTR_URL_SCHEME] = scheme;
  if (protocolVersion !== undefined) {
    attributes[ATTR_NETWORK_PROTOCOL_VERSION] = protocolVersion === '2.0' ? '2' : protocolVersion;
  }
  setUrl(attributes, redact(request.url ?? '/'));
  setServer(attributes, request.host, scheme);
  if (peerAddress !== undefined) {
    attributes[ATTR_NETWORK_PEER_ADDRESS] = peerAddress;
    if (peerPort !== undefined) attributes[ATTR_NETWORK_PEER_PORT] = peerPort;
  }
  if (clientAddress !== undefined) attributes[ATTR_CLIENT_ADDRESS] = clientAddress;
  if (userAgent !== undefined) attributes[ATTR_USER_AGENT_ORIGINAL] = userAgent;
  return attributes;
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
