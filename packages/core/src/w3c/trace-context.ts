import { createContextKey, trace } from '@opentelemetry/api';
import type { Context, SpanContext } from '@opentelemetry/api';
import type { Limits } from './limits.ts';
import { formatTraceparent } from './traceparent.ts';
import { isParsedTracestate, parseTracestate } from './tracestate.ts';

/** The carrier keys that a W3C propagator owns. */
export const w3cFields: readonly string[] = Object.freeze(['traceparent', 'tracestate', 'baggage']);

/** The bit of the trace flags that says that the trace id is random. Trace Context Level 2, 3.2.2.5.2. */
const RANDOM_FLAG = 0x02;

// Same key in every loaded copy: createContextKey is Symbol.for.
const randomTraceKey = createContextKey('throughline.random-trace');

/** Returns `context` with a remote parent, and the random flag of its trace kept beside it. */
export function withRemote(context: Context, remote: SpanContext): Context {
  const extracted = trace.setSpanContext(context, remote);
  return (remote.traceFlags & RANDOM_FLAG) === 0 ? extracted : extracted.setValue(randomTraceKey, remote.traceId);
}

/** Returns the span context with the random flag that its trace arrived with: SDKs write only the sampled bit. */
export function flagged(context: Context, spanContext: SpanContext): SpanContext {
  if ((spanContext.traceFlags & RANDOM_FLAG) !== 0 || context.getValue(randomTraceKey) !== spanContext.traceId) {
    return spanContext;
  }
  return { ...spanContext, traceFlags: spanContext.traceFlags | RANDOM_FLAG };
}

/** Returns `traceparent` and `tracestate` of a span context, names and values: exactly what goes on the wire. */
export function traceContextFields(spanContext: SpanContext, limits: Limits): Record<string, string> {
  const fields: Record<string, string> = {};
  const traceparent = formatTraceparent(spanContext);
  if (traceparent === undefined) return fields;
  fields['traceparent'] = traceparent;
  const state = tracestateText(spanContext, limits);
  if (state !== undefined) fields['tracestate'] = state;
  return fields;
}

/** Returns the `tracestate` of a span context, or `undefined` where it is empty or not well-formed. */
export function tracestateText(spanContext: SpanContext, limits: Limits): string | undefined {
  const state = spanContext.traceState;
  if (state === undefined) return undefined;
  if (isParsedTracestate(state, limits)) return state.serialize() || undefined;
  let text: unknown;
  try {
    text = state.serialize();
  } catch {
    return undefined;
  }
  // A tracestate that an SDK or a sampler built goes through the same grammar as one from outside.
  return parseTracestate(text, limits)?.serialize();
}
