import { context as contextApi } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import { endSpan, guarded, httpRequestSpan, warnOnce, withHttpRequestSpan } from '@throughline/core/adapter';
import type { FastifyRequestLike } from './fastify.ts';
import { outcomeOf } from './outcome.ts';
import type { RequestHop } from './request-hop.ts';

/** What the request's method `opentelemetry()` returns, which @fastify/otel decorates it with. */
interface FastifyOtel {
  readonly span?: Span | null;
  readonly context?: Context | null;
}

type WithFastifyOtel = FastifyRequestLike & { opentelemetry?: () => FastifyOtel };

/** Whether @fastify/otel is registered where the request is handled. */
export function isBesideFastifyOtel(request: FastifyRequestLike): boolean {
  return (request as WithFastifyOtel).opentelemetry !== undefined;
}

/**
 * Returns the context that a request arrives in where @fastify/otel, registered before, has opened a span for it already, which is then its SERVER
 * span unless instrumentation-http has opened one too. `undefined` where there is no such span.
 */
export function contextOfFastifyOtel(request: FastifyRequestLike): Context | undefined {
  let arrived: Context | undefined;
  guarded('tracer', () => {
    const { span, context } = (request as WithFastifyOtel).opentelemetry?.() ?? {};
    if (!span || !context) return;
    arrived = httpRequestSpan(contextApi.active()) === undefined ? withHttpRequestSpan(context, span) : context;
  });
  return arrived;
}

/** Tells a span of @fastify/otel how its request comes out, before that ends it: with the reply, which is sent now. */
export function tellFastifyOtel(hop: RequestHop, status: number): void {
  const outcome = outcomeOf(hop, { status, aborted: false, brokenBy: undefined });
  endSpan(hop.received.span, outcome, false, 'type');
  hop.otel = 'told';
}

/** Whether @fastify/otel, registered before, has wrapped the handler of a route. */
export function isWrappedByFastifyOtel(handler: { readonly name: string }): boolean {
  return handler.name === 'handlerWrapped';
}

/** Says once that handlers do not run in the context of their hop. */
export function warnOfFastifyOtel(): void {
  warnOnce(
    'fastify-otel-first',
    '@fastify/otel is registered before `traceContext`, and runs hooks and handlers in a context that it kept from before: baggage that a policy leaves out, limits and restarts do not hold there. Register `traceContext` first, or give @fastify/otel `instrumentHooks: false` and `instrumentHandler: false`.',
  );
}
