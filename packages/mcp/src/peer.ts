import type { Attributes, AttributeValue } from '@opentelemetry/api';
import { wrapped } from '@throughline/core/adapter';
import type { Target } from '@throughline/core';
import { serverAddress, serverAttributes } from '@throughline/core/http';
import { ATTR_NETWORK_TRANSPORT, MCP } from './conventions.ts';
import type { McpOptions } from './options.ts';

/** What is known of the other end of a transport before a message passes. */
export interface TransportPeer {
  readonly target: Target;
  /** Those of its attributes that name a host, which samplers may decide by. */
  readonly host: Attributes | undefined;
  /** Attributes of every span on this transport. */
  readonly attributes: readonly (readonly [string, AttributeValue])[];
  /**
   * How a send leaves: as an HTTP request of the SDK's own fetch, of the user's, or of one that this project traces, or not as an
   * HTTP request.
   */
  readonly fetch: 'own' | 'user' | 'traced' | undefined;
  /** Whether each message is an HTTP request of its own that takes `headers` in its send options, as SDK v2 has it. */
  readonly takesHeaders: boolean;
}

/**
 * Returns what a transport's own properties say about its peer. The SDK's classes are told by what they hold, and not by
 * `instanceof`: there are two SDKs, in two builds each. An unknown transport counts as a process, which is no first party.
 */
export function peerOf(transport: object, options: McpOptions): TransportPeer {
  const seen = detect(transport);
  const host = options.peer?.host ?? seen.host;
  return {
    target: {
      transport: MCP,
      channel: options.peer?.channel ?? seen.channel,
      ...(host === undefined ? undefined : { host }),
    },
    host: seen.server,
    attributes: [
      ...(seen.network === undefined ? [] : ([[ATTR_NETWORK_TRANSPORT, seen.network]] as const)),
      ...Object.entries<AttributeValue>((seen.server ?? {}) as Record<string, AttributeValue>),
    ],
    fetch: seen.fetch,
    takesHeaders: (transport as { hasPerRequestStream?: unknown }).hasPerRequestStream === true,
  };
}

interface Seen {
  readonly channel: Target['channel'];
  /** `network.transport`. */
  readonly network?: 'tcp' | 'pipe';
  readonly host?: string;
  /** The attributes that name the host. */
  readonly server?: Attributes;
  readonly fetch?: NonNullable<TransportPeer['fetch']>;
}

function detect(transport: object): Seen {
  // The client's stdio transport, as SDK v2 tells it itself, and the AI SDK's, which has its process once it is started.
  if (('stderr' in transport && 'pid' in transport) || 'serverParams' in transport) return stdio;
  const name = (transport.constructor as { name?: unknown } | undefined)?.name;
  if ('_otherTransport' in transport || name === 'InMemoryTransport') return { channel: 'memory' };
  // The server's, and the channel that v2's serveStdio() puts between it and a server.
  if (
    ('_stdin' in transport && '_stdout' in transport) ||
    name === 'StdioServerTransport' ||
    name === 'StdioConnectionChannel'
  )
    return stdio;
  // The AI SDK's have `url`.
  const { url, _url = url } = transport as { readonly url?: unknown; readonly _url?: unknown };
  if (isUrl(_url)) return client(transport, _url);
  // A server's HTTP transport: what goes back travels in the answer to the peer's own request.
  if (servesHttp(transport)) return { channel: 'host', network: 'tcp' };
  return { channel: 'process' };
}

const stdio: Seen = { channel: 'process', network: 'pipe' };

function client(transport: object, url: Pick<URL, 'hostname' | 'port' | 'protocol'>): Seen {
  const seen: Seen = {
    channel: 'host',
    network: 'tcp',
    host: serverAddress(url.hostname),
    server: serverAttributes(url),
  };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return seen;
  // Where the fetch is kept by another name, whose it is cannot be known.
  if (!('_url' in transport || 'customFetch' in transport)) return { ...seen, fetch: 'user' };
  const { customFetch, _fetch = customFetch } = transport as { customFetch?: unknown; _fetch?: unknown };
  if (wrapped(_fetch)) return { ...seen, fetch: 'traced' };
  return { ...seen, fetch: _fetch === undefined || _fetch === globalThis.fetch ? 'own' : 'user' };
}

/** Returns whether this is a server's transport that HTTP requests are handed to. */
export function servesHttp(transport: object): boolean {
  return 'handleRequest' in transport || 'handleMessage' in transport || 'handlePostMessage' in transport;
}

function isUrl(value: unknown): value is URL {
  return typeof value === 'object' && value !== null && typeof (value as { hostname?: unknown }).hostname === 'string';
}
