import { errorMonitor } from 'node:events';
import type { Readable } from 'node:stream';
import { errorType, recordException } from '@throughline/core/adapter';
import type { Done, FastifyRequestLike, InstanceLike, ReplyLike } from './fastify.ts';
import { isWrappedByFastifyOtel, tellFastifyOtel, warnOfFastifyOtel } from './fastify-otel.ts';
import { hopOf, inContext } from './request-hop.ts';
import type { RequestHop } from './request-hop.ts';

/*
 * A hook that calls its callback from a connection of its own, such as a database's, takes those after it, and the handler, into
 * whatever context that was: every stage begins in that of the request. `onResponse` and `onTimeout` come from the socket anyway.
 */

/** Adds the hooks that keep every stage of a request in the context of its hop, and see its errors. */
export function keepContext(app: InstanceLike): void {
  for (const stage of ['preValidation', 'preHandler', 'onResponse', 'onTimeout']) app.addHook(stage, onStage);
  app.addHook('preParsing', onPayload);
  app.addHook('preSerialization', onPayload);
  app.addHook('onSend', onSend);
  app.addHook('onError', onError);
  app.addHook('onRequestAbort', onRequestAbort);
  app.addHook('onRoute', onRoute);
}

/** A route as it is declared. A handler that another plugin calls may be given anything: with @fastify/websocket, a socket. */
interface RouteLike {
  handler: (this: unknown, ...args: unknown[]) => unknown;
}

// After the last `preHandler` comes no hook that could be ours.
function onRoute(route: RouteLike): void {
  const { handler } = route;
  if (typeof handler !== 'function') return;
  if (isWrappedByFastifyOtel(handler)) warnOfFastifyOtel();
  const inItsContext: RouteLike['handler'] = function (...args) {
    const { raw } = (args[0] ?? {}) as { raw?: object };
    return raw === undefined ? handler.apply(this, args) : inContext(raw, () => handler.apply(this, args));
  };
  Object.defineProperty(inItsContext, 'name', { value: handler.name, configurable: true });
  route.handler = inItsContext;
}

function onStage({ raw }: FastifyRequestLike, _reply: ReplyLike, next: Done): void {
  inContext(raw, next);
}

function onPayload({ raw }: FastifyRequestLike, _reply: ReplyLike, _payload: unknown, next: Done): void {
  inContext(raw, next);
}

function onRequestAbort({ raw }: FastifyRequestLike, next: Done): void {
  inContext(raw, next);
}

function onSend({ raw }: FastifyRequestLike, reply: ReplyLike, payload: unknown, next: Done): void {
  const hop = hopOf(raw);
  if (hop !== undefined) {
    if (hop.timing !== undefined) keepTiming(reply, hop.timing);
    watchStream(hop, payload);
    if (hop.otel !== undefined) tellFastifyOtel(hop, reply.raw.statusCode);
  }
  inContext(raw, next);
}

// A header that a reply sets replaces that of Node's response.
function keepTiming(reply: ReplyLike, timing: string): void {
  const given = reply.getHeader('server-timing');
  const values = given === undefined ? [] : [given].flat();
  if (!values.includes(timing)) reply.header('server-timing', [...values, timing]);
}

/** Where a stream fails half way, Fastify destroys the response without a word. */
function watchStream(hop: RequestHop, payload: unknown): void {
  if (typeof (payload as Partial<Readable> | null | undefined)?.pipe !== 'function') return;
  const stream = payload as Partial<Readable>;
  // As one who looks on: an error that nobody handles stays one.
  stream.once?.(errorMonitor, (error: unknown) => {
    if (!isOver(hop)) hop.brokenBy = error;
  });
}

function onError({ raw }: FastifyRequestLike, _reply: ReplyLike, error: unknown, next: Done): void {
  const hop = hopOf(raw);
  if (hop !== undefined) note(hop, error);
  inContext(raw, next);
}

function note(hop: RequestHop, error: unknown): void {
  if (hop.options.recordErrors === false || hop.error === error || isOver(hop)) return;
  hop.error = error;
  hop.errorType = errorType(error);
  hop.received.describe((span) => recordException(span, error));
}

// Once the connection is gone, an error says just that: an upload that broke off, a response that nobody takes.
function isOver(hop: RequestHop): boolean {
  return hop.ended || hop.unheard || isGone(hop);
}

// Over HTTP/2 the socket is that of all requests.
function isGone({ request, response }: RequestHop): boolean {
  const { stream } = response as { stream?: { destroyed?: boolean } };
  return stream === undefined ? request.raw.socket.destroyed : stream.destroyed === true;
}
