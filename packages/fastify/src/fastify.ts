import type { IncomingMessage, ServerResponse } from 'node:http';

/** What of Fastify's request is read here. Any `FastifyRequest` is one. */
export interface FastifyRequestLike {
  /** Node's own request; over HTTP/2 that of its compatibility API. */
  readonly raw: IncomingMessage;
  readonly routeOptions: { readonly url?: string | undefined };
  readonly originalUrl: string;
  readonly method: string;
  /** As far as `trustProxy` says whom to believe. */
  readonly ip: string;
  readonly host: string;
  readonly protocol: string;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** What of Fastify's reply is called here. */
export interface ReplyLike {
  readonly raw: ServerResponse;
  code(status: number): ReplyLike;
  type(contentType: string): ReplyLike;
  header(name: string, value: unknown): ReplyLike;
  getHeader(name: string): unknown;
  serializer(serialize: (payload: unknown) => string): ReplyLike;
  send(payload: unknown): ReplyLike;
}

/** Tells Fastify that a hook, or a plugin, is done. */
export type Done = (error?: Error) => void;

/** What of a Fastify instance is called here. */
export interface InstanceLike {
  addHook(name: string, hook: (...args: never[]) => void): unknown;
  hasDecorator(name: string | symbol): boolean;
  hasRequestDecorator(name: string): boolean;
  decorate(name: string | symbol, value: unknown): unknown;
}
