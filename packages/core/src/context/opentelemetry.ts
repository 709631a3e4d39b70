import { createContextKey } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';

/*
 * What `@opentelemetry/core` keeps in a context, under the same keys: `createContextKey` gives one key for one text, in every
 * copy and both lines. With core as a peer, npm could install no adapter beside SDK 2: it fetches core 3, which does not go with the
 * API that SDK 2 needs.
 */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const RPC_METADATA = createContextKey('OpenTelemetry SDK Context Key RPC_METADATA');

/** The SERVER span that another instrumentation opened for an HTTP request, and the route that it is told. */
export interface HttpRequestSpan {
  readonly type: 'http';
  readonly span: Span;
  route?: string;
}

/** Returns whether OpenTelemetry's tracers make no spans in this context. */
export function isTracingSuppressed(context: Context): boolean {
  return context.getValue(SUPPRESS_TRACING) === true;
}

/** Returns the context with tracing suppressed: tracers make no spans in it, and instrumentations add no headers. */
export function suppressTracing(context: Context): Context {
  return context.setValue(SUPPRESS_TRACING, true);
}

/** Returns what OpenTelemetry's HTTP instrumentation says of the request that the context belongs to, its `RPCMetadata`. */
export function httpRequestSpan(context: Context): HttpRequestSpan | undefined {
  const metadata = context.getValue(RPC_METADATA) as HttpRequestSpan | undefined;
  return metadata?.type === 'http' ? metadata : undefined;
}

/** Returns the context as one of an HTTP request whose SERVER span is `span`: who opens spans for HTTP requests opens no second one. */
export function withHttpRequestSpan(context: Context, span: Span): Context {
  return context.setValue(RPC_METADATA, { type: 'http', span } satisfies HttpRequestSpan);
}
