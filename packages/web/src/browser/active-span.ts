import type { Span } from '@opentelemetry/api';
import { formatTraceparent } from '@throughline/core/adapter';

/** What is to be sent of a span. */
export interface SentFields {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

// Where OpenTelemetry's API keeps what an SDK has registered, and the key of the active span. So the API is not loaded for pages that have no SDK.
const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');

/** Returns the fields of the span that is active, where there is an OpenTelemetry SDK and a span. */
export function activeFields(): SentFields | undefined {
  try {
    const { context } = ((globalThis as { [API]?: unknown })[API] ?? {}) as {
      context?: { active(): { getValue(key: symbol): unknown } };
    };
    const spanContext = (context?.active().getValue(SPAN) as Span | undefined)?.spanContext();
    const traceparent = formatTraceparent(spanContext);
    return traceparent === undefined ? undefined : { traceparent, tracestate: spanContext?.traceState?.serialize() };
  } catch {
    // Nothing of telemetry reaches the page.
    return undefined;
  }
}
