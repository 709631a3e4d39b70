/** The connection that a request came over, as far as the server says. */
export interface Connection {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** The HTTP version of it, as the server has it: `1.1`, `2.0`. */
  readonly protocolVersion?: string | undefined;
}

/** What is known of a request beside the `Request` itself. */
export interface Arrived extends Connection {
  /** What stands for the request, also where frameworks make several `Request` objects of it. */
  readonly key: object;
  /** The target as it stands in the request line. */
  readonly target?: string | undefined;
  readonly outgoing?: OutgoingLike | undefined;
}

/** Node's response, of which it is asked whether anybody still listens. Over HTTP/2 it has no `closed`. */
export interface OutgoingLike {
  readonly closed?: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished?: boolean;
  readonly stream?: { readonly closed?: boolean; readonly rstCode?: number } | undefined;
  readonly headersSent?: boolean;
  on(event: 'close', listener: () => void): unknown;
}

interface IncomingLike {
  readonly httpVersion?: string;
  readonly url?: string;
  readonly socket?: { readonly remoteAddress?: string | undefined; readonly remotePort?: number | undefined };
}

/**
 * Returns what servers tell of a request in the argument beside it: `{ incoming, outgoing }` of `@hono/node-server`, `{ remoteAddr }` of
 * Deno, the server of Bun with its `requestIP`.
 */
export function arrivalOf(request: Request, beside: unknown): Arrived {
  try {
    const { incoming, outgoing, remoteAddr, requestIP } = Object(beside) as {
      incoming?: IncomingLike;
      outgoing?: OutgoingLike;
      remoteAddr?: { readonly hostname?: string; readonly port?: number };
      requestIP?: unknown;
    };
    if (typeof incoming?.socket === 'object' && typeof outgoing?.on === 'function') {
      const { socket, url, httpVersion } = incoming;
      return {
        key: incoming,
        target: url,
        address: socket.remoteAddress,
        port: socket.remotePort,
        protocolVersion: httpVersion,
        outgoing,
      };
    }
    if (typeof remoteAddr?.hostname === 'string') {
      return { key: request, address: remoteAddr.hostname, port: remoteAddr.port };
    }
    if (typeof requestIP === 'function') {
      const socket = Reflect.apply(requestIP, beside, [request]) as { address?: string; port?: number } | null;
      return { key: request, address: socket?.address, port: socket?.port };
    }
  } catch {
    // What lies beside the request is whatever the caller hands in, and its getters may throw.
  }
  return { key: request };
}
