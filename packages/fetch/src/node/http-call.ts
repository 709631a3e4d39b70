import { writeRecord } from '@throughline/core/adapter';
import type { Sending } from '@throughline/core/adapter';
import { dispatchHeaders } from '../dispatch-headers.ts';
import { serverAt, serverOf } from './server.ts';
import type { Server } from './server.ts';

/** A call of `http.request`, read from any of its signatures. */
export interface HttpCall {
  /** As it goes on the wire. */
  readonly method: string;
  /** Whom the request is for: of a request through a proxy that has the whole URL in its path, not the proxy. */
  readonly server: Server;
  /** With its query. */
  readonly path: string;
  /** `url.full`, not redacted; `undefined` where the path is none, as of `OPTIONS *`. */
  readonly full: string | undefined;
  readonly carrier: unknown;
  readonly signal: unknown;
  /** The headers in a copy, with the fields of a hop written. */
  headers(sending: Sending): unknown;
  /** The arguments of the call with the fields of a hop written; the very same where there is nothing to write. */
  args(sending: Sending): unknown[];
}

/** The options of a request, as far as a hop reads them. */
interface RequestOptions {
  readonly protocol?: unknown;
  readonly hostname?: unknown;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly defaultPort?: unknown;
  readonly path?: unknown;
  readonly method?: unknown;
  readonly headers?: unknown;
  readonly agent?: unknown;
  readonly signal?: unknown;
}

/**
 * Returns what a call asks for, or `undefined` where that is no hop of ours: a CONNECT, which opens a tunnel, and what Node itself
 * will report. `protocol` is that of the module.
 */
export function httpCall(args: readonly unknown[], protocol: string): HttpCall | undefined {
  try {
    return read(args, protocol);
  } catch {
    // No URL, or a getter threw; Node meets the same.
    return undefined;
  }
}

function read(args: readonly unknown[], protocol: string): HttpCall | undefined {
  const [input, second] = args;
  const base = typeof input === 'string' ? new URL(input) : isUrl(input) ? input : undefined;
  const at = base === undefined ? 0 : 1;
  const given = base === undefined ? input : second;
  const isLeftOut = typeof given === 'function';
  if (!isLeftOut && given !== undefined && typeof given !== 'object') return undefined;
  const options: RequestOptions = isLeftOut ? {} : (given ?? {});
  const method = typeof options.method === 'string' ? options.method.toUpperCase() : 'GET';
  if (method === 'CONNECT') return undefined;
  const merged = base === undefined ? options : { ...partsOf(base), ...options };
  const asked = typeof merged.path === 'string' && merged.path !== '' ? merged.path : '/';
  const isAbsolute = !asked.startsWith('/') && /^https?:\/\//i.test(asked);
  const absolute = isAbsolute ? new URL(asked) : undefined;
  const server = absolute === undefined ? serverIn(merged, protocol) : serverOf(absolute);
  const path = absolute === undefined ? asked : absolute.pathname + absolute.search;
  const { headers } = options;
  const list = Array.isArray(headers) ? dispatchHeaders(headers) : undefined;
  const written = (sending: Sending): unknown => {
    if (list !== undefined) return list.write(sending);
    if (headers !== undefined && headers !== null && typeof headers !== 'object') return headers;
    return writeRecord(headers as Record<string, unknown> | null | undefined, sending, 'http');
  };
  return {
    method,
    server,
    path,
    full: path.startsWith('/') ? server.origin + path : undefined,
    carrier: list === undefined ? headers : list.carrier,
    signal: options.signal,
    headers: written,
    args(sending) {
      if (sending.mode === 'keep' && Object.keys(sending.fields).length === 0) return [...args];
      const copy = { ...options, headers: written(sending) };
      return [...args.slice(0, at), copy, ...args.slice(isLeftOut ? at : at + 1)];
    },
  };
}

// As Node tells a URL from what `url.parse` returns.
function isUrl(input: unknown): input is URL {
  if (typeof input !== 'object' || input === null) return false;
  if (input instanceof URL) return true;
  const { href, protocol, auth, path } = input as Record<string, unknown>;
  return Boolean(href && protocol && auth === undefined && path === undefined);
}

function partsOf({ protocol, hostname, port, pathname, search }: URL): RequestOptions {
  return { protocol, hostname, port, path: pathname + search };
}

function serverIn({ protocol, hostname, host, port, defaultPort, agent }: RequestOptions, ofModule: string): Server {
  const used = agent as { readonly protocol?: unknown; readonly defaultPort?: unknown } | null | undefined;
  const asked = textOf(protocol) ?? textOf(used?.protocol) ?? ofModule;
  // Of what reaches a socket of the system, got says `unix:`.
  const scheme = asked === 'https:' ? asked : 'http:';
  const name = textOf(hostname) ?? textOf(host) ?? 'localhost';
  // oxlint-disable-next-line typescript/prefer-nullish-coalescing -- as Node does: an empty port is none
  const number = port || defaultPort || used?.defaultPort;
  return serverAt(scheme, name, isPort(number) ? number : undefined);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isPort(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && value !== '');
}
