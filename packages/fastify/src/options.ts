import { ThroughlineError } from '@throughline/core';
import type { Peer } from '@throughline/core';
import { checkBoolean } from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';
import { httpServerSettings } from '@throughline/core/http';
import type { HttpServerOptions, OfRequest as OfHttpRequest } from '@throughline/core/http';
import type { FastifyRequestLike } from './fastify.ts';
import { version } from './version.ts';

/** A function of the request. As a method's type, it also takes one whose parameter is a `FastifyRequest`. */
export type OfRequest<T> = OfHttpRequest<FastifyRequestLike, T>;

/** The peer of a request, for functions of `inbound` and `authenticated` that are meant for Fastify alone. */
export interface FastifyPeer extends Peer {
  /** The request itself; annotate it with `FastifyRequest` where you need more. Do not change it. */
  readonly request: FastifyRequestLike;
}

/** The options of every adapter, and those of Fastify. The functions are called with Fastify's own request. */
export interface FastifyOptions extends HttpServerOptions<FastifyRequestLike> {
  /**
   * Records errors that a route, a hook or the validation throws, as exceptions on the span; where the answer is a 5xx, the error's class
   * is its `error.type`. Default `true`.
   */
  readonly recordErrors?: boolean | undefined;
}

/** Returns the settings of one registration. Throws a {@link ThroughlineError} for a wrong option. */
export function fastifySettings(options: FastifyOptions): HopSettings {
  const settings = httpServerSettings(options, { name: '@throughline/fastify', version }, ['recordErrors']);
  checkBoolean('recordErrors', options.recordErrors);
  return settings;
}

/** The error of `traceContext(options)`: Fastify is who calls a plugin. */
export function calledByHand(): ThroughlineError {
  return new ThroughlineError(
    'ERR_THROUGHLINE_ARGUMENT',
    "`traceContext` is a plugin, and was called without a Fastify instance. Register it: `app.register(traceContext, { agent: 'planner' })`.",
  );
}
