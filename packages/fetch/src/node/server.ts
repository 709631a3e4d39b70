import type { Attributes } from '@opentelemetry/api';
import { serverAddress, serverAttributes, withoutZone } from '@throughline/core/http';

/** The server of a request, as its hop and its span name it. */
export interface Server {
  readonly origin: string;
  /** As `server.address` has it. */
  readonly address: string;
  readonly attributes: Attributes;
}

/** Returns the server of a URL. */
export function serverOf(url: URL): Server {
  return { origin: url.origin, address: serverAddress(url.hostname), attributes: serverAttributes(url) };
}

type Port = string | number | undefined;

const MAX_REMEMBERED = 100;
const MAX_HOST = 255;
/** By its host: the last server that was asked for there. */
const known = new Map<string, { readonly scheme: string; readonly port: Port; readonly server: Server }>();

/**
 * Returns the server of a scheme, a host and a port. Throws where they are none. A client calls few servers, and to parse a URL takes as
 * long as to start a span: those are remembered.
 */
export function serverAt(scheme: string, host: string, port: Port): Server {
  const last = known.get(host);
  if (last !== undefined && last.port === port && last.scheme === scheme) return last.server;
  // A URL has no zone.
  const address = host.includes(':') && !host.startsWith('[') ? `[${withoutZone(host)}]` : host;
  const server = serverOf(new URL(`${scheme}//${address}${port === undefined ? '' : `:${port}`}`));
  if (known.size >= MAX_REMEMBERED) known.clear();
  if (host.length <= MAX_HOST) known.set(host, { scheme, port, server });
  return server;
}
