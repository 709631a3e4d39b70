import type { Attributes } from '@opentelemetry/api';
import type { Target } from '@throughline/core';
import { serverAddress, serverAttributes } from '@throughline/core/http';
import { ATTR_NETWORK_TRANSPORT, MCP } from './conventions.ts';

/** Who runs an MCP server, where it cannot be told from the framework's object. */
export interface McpServerPeer {
  /** `process` (stdio) or `host` (HTTP); what first-party is by default hangs on it. */
  readonly channel?: Target['channel'] | undefined;
  /** A host name without port, or a name of yours: what the patterns of `firstParty` are matched with. */
  readonly host?: string | undefined;
}

export interface ServerPeer {
  readonly target: Target;
  /** Attributes of every call. */
  readonly attributes: Attributes;
}

/**
 * Returns what a server of the framework says of itself. Its URL is private, and shown by its name alone, where nobody gave it another:
 * then a host is nobody's.
 */
export function peerOf(server: object, given: McpServerPeer | undefined): ServerPeer {
  const { name } = server as { readonly name?: unknown };
  const seen = detect(server, typeof name === 'string' ? name : '');
  const host = given?.host ?? seen.host;
  return {
    target: {
      transport: MCP,
      channel: given?.channel ?? seen.channel,
      ...(host === undefined ? undefined : { host }),
    },
    attributes: seen.attributes,
  };
}

interface Seen {
  readonly channel: Target['channel'];
  readonly host?: string;
  readonly attributes: Attributes;
}

const STDIO = 'MCPServerStdio';
const HTTP = ['MCPServerStreamableHttp', 'MCPServerSSE'];

function detect(server: object, name: string): Seen {
  const classes = classNames(server);
  if (classes.includes(STDIO)) {
    // What it is called by default is its command.
    const host = name.startsWith('stdio: ') || name === '' ? undefined : { host: name };
    return { channel: 'process', ...host, attributes: { [ATTR_NETWORK_TRANSPORT]: 'pipe' } };
  }
  if (!HTTP.some((known) => classes.includes(known))) return { channel: 'process', attributes: {} };
  const attributes: Attributes = { [ATTR_NETWORK_TRANSPORT]: 'tcp' };
  const url = URL.parse(name.replace(/^(?:streamable-http|sse): /, ''));
  if (url === null || url.hostname === '') return { channel: 'host', attributes };
  return {
    channel: 'host',
    host: serverAddress(url.hostname),
    attributes: { ...attributes, ...serverAttributes(url) },
  };
}

function classNames(of: object): string[] {
  const names: string[] = [];
  for (let at = prototypeOf(of); at !== null; at = prototypeOf(at)) {
    const { name } = at.constructor as { name?: unknown };
    if (typeof name === 'string') names.push(name);
  }
  return names;
}

function prototypeOf(of: object): object | null {
  return Object.getPrototypeOf(of) as object | null;
}
