import type { Context, Span } from '@opentelemetry/api';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import { httpRequestSpan } from '../context/opentelemetry.ts';
import type { InboundHop } from './hop.ts';
import { receiptOf } from '../lineage/state.ts';

/** What of the ambient context counts for an inbound hop. */
export interface Ambient {
  readonly context: Context;
  /** The SERVER span of the HTTP request that the carrier arrived with. */
  readonly span: Span;
}

/**
 * Returns the span that is already open for the HTTP request of an inbound hop, or `undefined`. The ambient context counts only
 * where the carrier arrived with an HTTP request, and only if it carries our own inbound hop or OpenTelemetry's HTTP
 * RPCMetadata, of a request that is still open. Everything else that may be ambient, such as the context of `listen()`, of
 * `connect()` or of `consumer.run()`, says nothing about who sent this.
 */
export function ambientRequest(hop: InboundHop, ambient: Context): Ambient | undefined {
  if (hop.http === undefined) return undefined;
  const receipt = receiptOf(ambient);
  if (receipt !== undefined && !receipt.ended && receipt.transport === 'http') {
    if (hop.http === 'payload' || (hop.request !== undefined && receipt.request === hop.request)) {
      const span = trace.getSpan(ambient);
      if (span !== undefined && isSpanContextValid(span.spanContext())) return { context: ambient, span };
    }
  }
  // The request's own; an ended one belongs to a request that `listen()` was called in.
  const span = httpRequestSpan(ambient)?.span;
  if (span === undefined) return undefined;
  if ((span as { ended?: unknown }).ended === true || !isSpanContextValid(span.spanContext())) return undefined;
  return { context: ambient, span };
}
