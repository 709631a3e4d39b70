import type { IncomingMessage } from 'node:http';

/**
 * What Express 4 and 5 add to Node's request, as far as it is read here. Any Express `Request` is one, and so is the
 * request of a bare `router`.
 */
export interface RequestLike extends IncomingMessage {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  /** The address that `trust proxy` says to believe. */
  readonly ip?: string | undefined;
  readonly protocol?: string;
}

/** The part of an Express application that tells how it routes and whom it trusts. */
export interface ApplicationLike {
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The application that this one is mounted in, and under which path or paths. */
  readonly parent?: ApplicationLike;
  readonly mountpath?: unknown;
}

/** Returns the application that handles the request at the moment: under a mounted one, the mounted one. */
export function applicationOf(req: IncomingMessage): ApplicationLike | undefined {
  return (req as { app?: ApplicationLike }).app;
}

/** Returns whether it is the request of an HTTP server. */
export function isRequest(thing: unknown): boolean {
  const { headers, socket } = (thing ?? {}) as { headers?: unknown; socket?: unknown };
  return typeof headers === 'object' && typeof socket === 'object';
}
