/**
 * The request headers that carry trace context and baggage, for the `allowedHeaders` of CORS: a browser sends them to another
 * origin only where that origin allows them.
 */
export const traceHeaders: readonly string[] = Object.freeze(['traceparent', 'tracestate', 'baggage']);
