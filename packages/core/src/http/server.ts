import type { Attributes } from '@opentelemetry/api';
import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from './conventions.ts';

/** Returns a host name or address as `server.address` has it: an IPv6 address without its brackets. */
export function serverAddress(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
}

/** Returns the port that a scheme, with or without its colon, has by default; `undefined` for one that is not known here. */
export function defaultPort(scheme: string): number | undefined {
  switch (scheme.endsWith(':') ? scheme.slice(0, -1) : scheme) {
    case 'http':
    case 'ws':
      return 80;
    case 'https':
    case 'wss':
      return 443;
    default:
      return undefined;
  }
}

/** Returns the attributes that name the server of a URL. */
export function serverAttributes({
  hostname,
  port,
  protocol,
}: Pick<URL, 'hostname' | 'port' | 'protocol'>): Attributes {
  const attributes: Attributes = { [ATTR_SERVER_ADDRESS]: serverAddress(hostname) };
  const number = port === '' ? defaultPort(protocol) : Number(port);
  if (number !== undefined) attributes[ATTR_SERVER_PORT] = number;
  return attributes;
}
