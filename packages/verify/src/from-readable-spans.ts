import {
  MAX_ATTRIBUTE_DEPTH,
  type AttributeValue,
  type CollectedSpan,
  type SpanAttributes,
  type SpanKindName,
  emptyAttributes,
  serviceOf,
} from './span.ts';

/** Seconds and nanoseconds. */
type HrTimeLike = readonly [number, number];

interface SpanContextLike {
  readonly traceId: string;
  readonly spanId: string;
  readonly isRemote?: boolean | undefined;
  readonly traceFlags?: number | undefined;
}

/** What OpenTelemetry's `ReadableSpan` has in common from SDK 1 to SDK 3. */
export interface ReadableSpanLike {
  readonly name: string;
  readonly kind: number;
  spanContext(): SpanContextLike;
  /** SDK 2 and 3. */
  readonly parentSpanContext?: SpanContextLike | undefined;
  /** SDK 1. */
  readonly parentSpanId?: string | undefined;
  readonly startTime: HrTimeLike;
  readonly endTime: HrTimeLike;
  readonly attributes: object;
  readonly links: readonly { readonly context: SpanContextLike; readonly attributes?: object | undefined }[];
  readonly events: readonly {
    readonly name: string;
    readonly time: HrTimeLike;
    readonly attributes?: object | undefined;
  }[];
  readonly status: { readonly code: number; readonly message?: string | undefined };
  readonly resource: { readonly attributes: object };
  readonly instrumentationScope?: { readonly name: string; readonly version?: string | undefined } | undefined;
}

/**
 * Returns the spans of an in-memory exporter as plain data.
 *
 * ```ts
 * const report = checkChains(fromReadableSpans(exporter.getFinishedSpans()));
 * ```
 */
export function fromReadableSpans(spans: Iterable<ReadableSpanLike>): CollectedSpan[] {
  // Copied once each, not once a span.
  const resources = new Map<object, SpanAttributes>();
  return Array.from(spans, (span) => {
    let resource = resources.get(span.resource);
    if (resource === undefined) resources.set(span.resource, (resource = copyAttributes(span.resource.attributes)));
    return fromReadableSpan(span, resource);
  });
}

/** https://www.w3.org/TR/trace-context-2/#sampled-flag */
const SAMPLED = 1;

const KINDS: readonly SpanKindName[] = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

function fromReadableSpan(span: ReadableSpanLike, resource: SpanAttributes): CollectedSpan {
  const { traceId, spanId } = span.spanContext();
  const parentSpanId = span.parentSpanContext?.spanId ?? span.parentSpanId;
  const { code, message } = span.status;
  const status = code === 2 ? 'ERROR' : code === 1 ? 'OK' : 'UNSET';
  const { name = '', version } = span.instrumentationScope ?? {};
  return {
    traceId,
    spanId,
    ...(parentSpanId ? { parentSpanId } : {}),
    // As the OTLP exporters have it: a parent context that does not say so is local.
    ...(span.parentSpanContext === undefined ? {} : { parentIsRemote: span.parentSpanContext.isRemote === true }),
    name: span.name,
    kind: KINDS[span.kind] ?? 'INTERNAL',
    service: serviceOf(resource),
    startTimeUnixNano: nanoseconds(span.startTime),
    endTimeUnixNano: nanoseconds(span.endTime),
    attributes: copyAttributes(span.attributes),
    links: span.links.map(({ context, attributes }) => ({
      traceId: context.traceId,
      spanId: context.spanId,
      ...(context.traceFlags === undefined ? {} : { isSampled: (context.traceFlags & SAMPLED) !== 0 }),
      attributes: copyAttributes(attributes),
    })),
    events: span.events.map((event) => ({
      name: event.name,
      timeUnixNano: nanoseconds(event.time),
      attributes: copyAttributes(event.attributes),
    })),
    status: message ? { code: status, message } : { code: status },
    scope: version === undefined ? { name } : { name, version },
    resource,
  };
}

function nanoseconds([seconds, nanos]: HrTimeLike): bigint {
  return BigInt(Math.trunc(seconds)) * 1_000_000_000n + BigInt(Math.trunc(nanos));
}

function copyAttributes(attributes: object = {}, depth: number = MAX_ATTRIBUTE_DEPTH): SpanAttributes {
  const copy = emptyAttributes();
  for (const [key, value] of Object.entries(attributes) as [string, unknown][]) copy[key] = copyValue(value, depth);
  return copy;
}

function copyValue(value: unknown, depth: number): AttributeValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object' || value === null || depth === 1) return null;
  if (Array.isArray(value)) return value.map((item) => copyValue(item, depth - 1));
  return copyAttributes(value, depth - 1);
}
