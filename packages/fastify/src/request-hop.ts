import type { ServerResponse } from 'node:http';
import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { isWithin } from '@throughline/core/adapter';
import type { HopSettings, Received } from '@throughline/core/adapter';
import type { NodeExchange } from '@throughline/core/http';
import type { FastifyRequestLike } from './fastify.ts';
import type { FastifyOptions } from './options.ts';

/** What is kept of a hop while its request is handled. */
export interface RequestHop extends NodeExchange {
  readonly request: FastifyRequestLike;
  readonly response: ServerResponse;
  readonly received: Received;
  /** What hooks and the handler run in. */
  readonly context: Context;
  /** Those of the registration that came first. */
  readonly options: FastifyOptions;
  readonly settings: HopSettings;
  /** The method, as span names have it. */
  readonly method: string;
  /** The route that Fastify found; none for a 404. */
  readonly route: string | undefined;
  /** The value of `Server-Timing` that tells the span, where it is told. */
  readonly timing: string | undefined;
  /** Where the hop has joined a span of @fastify/otel, which ends it as the answer begins: whether it was told how that came out. */
  otel: 'joined' | 'told' | undefined;
  /** The error that was seen last, and its class. */
  error: unknown;
  errorType: string | undefined;
  /** What the stream that was the answer failed with. */
  brokenBy: unknown;
}

/** The property that holds the hop on Node's request and response, in every loaded copy of this package. */
const hopKey: unique symbol = Symbol.for('throughline.fastify.hop') as never;

interface HopHolder {
  [hopKey]?: RequestHop;
}

/** Returns the hop of one of Node's requests or responses that `traceContext` has seen. */
export function hopOf(holder: object): RequestHop | undefined {
  return (holder as HopHolder)[hopKey];
}

/** Keeps the hop on its request and its response. */
export function keepHop(hop: RequestHop): void {
  (hop.request.raw as HopHolder)[hopKey] = hop;
  (hop.response as HopHolder)[hopKey] = hop;
}

/**
 * Returns what `next` does in the context of the request's hop, unless what is active is that one or was made from it. Fastify calls hooks
 * from the socket (`onResponse`, `onTimeout`), and from wherever a hook before has called its callback.
 */
export function inContext<T>(raw: object, next: () => T): T {
  const context = hopOf(raw)?.context;
  return context === undefined || isWithin(contextApi.active(), context) ? next() : contextApi.with(context, next);
}
