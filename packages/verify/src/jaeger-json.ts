import { isRecord, listOf, textOf } from './json-values.ts';
import { parsingInto } from './parsing.ts';
import type { ParsedSpans } from './parsing.ts';
import { emptyAttributes, parseSpanId, parseTraceId } from './span.ts';
import type { AttributeValue, CollectedSpan, SpanAttributes, SpanEvent, SpanKindName, SpanLink } from './span.ts';

/**
 * Returns the spans of Jaeger's JSON: what its UI downloads, and its query API answers. Total: any value gives a result.
 * https://www.jaegertracing.io/docs/latest/architecture/apis/
 */
export function parseJaegerJson(input: unknown): ParsedSpans {
  return parsingInto((into) => {
    if (!isRecord(input) || !Array.isArray(input.data)) {
      into.malformed = 'the body has no `data` of Jaeger';
      return;
    }
    for (const trace of listOf(input.data)) {
      if (!isRecord(trace)) continue;
      const processes = isRecord(trace.processes) ? trace.processes : {};
      for (const span of listOf(trace.spans)) {
        const read = isRecord(span) ? readSpan(span, processes) : undefined;
        if (read === undefined) into.rejected++;
        else into.spans.push(read);
      }
    }
  });
}

function readSpan(
  span: Readonly<Record<string, unknown>>,
  processes: Readonly<Record<string, unknown>>,
): CollectedSpan | undefined {
  const traceId = traceIdOf(span.traceID);
  const spanId = spanIdOf(span.spanID);
  const start = microseconds(span.startTime);
  const duration = microseconds(span.duration);
  if (traceId === undefined || spanId === undefined || start === undefined || duration === undefined) return undefined;
  const process = processes[textOf(span.processID)];
  const { serviceName, tags } = isRecord(process) ? process : {};
  const service = textOf(serviceName) || 'unknown_service';
  const attributes = attributesOf(span.tags);
  const references = listOf(span.references).flatMap((reference) => referenceOf(reference));
  // As https://github.com/jaegertracing/jaeger-idl/blob/v0.6.0/model/v1/span.go does: of a parent that is linked too, Jaeger keeps the link alone.
  const ofTrace = references.filter(({ link }) => link.traceId === traceId);
  const parent = ofTrace.find(({ isParent }) => isParent) ?? ofTrace[0];
  const failed = attributes['error'] === true || attributes['otel.status_code'] === 'ERROR';
  return {
    traceId,
    spanId,
    ...(parent === undefined ? undefined : { parentSpanId: parent.link.spanId }),
    name: textOf(span.operationName),
    kind: kindOf(attributes['span.kind']),
    service,
    startTimeUnixNano: start,
    endTimeUnixNano: start + duration,
    attributes,
    links: references.filter((reference) => reference !== parent || !reference.isParent).map(({ link }) => link),
    events: listOf(span.logs).flatMap((log) => eventOf(log)),
    status: { code: failed ? 'ERROR' : attributes['otel.status_code'] === 'OK' ? 'OK' : 'UNSET' },
    scope: { name: textOf(attributes['otel.scope.name'] ?? attributes['otel.library.name']) },
    resource: Object.assign(attributesOf(tags), { 'service.name': service }),
  };
}

// Jaeger leaves zeros at the front out.
function traceIdOf(value: unknown): string | undefined {
  return parseTraceId(textOf(value).padStart(32, '0'));
}

function spanIdOf(value: unknown): string | undefined {
  return parseSpanId(textOf(value).padStart(16, '0'));
}

function referenceOf(value: unknown): { readonly isParent: boolean; readonly link: SpanLink }[] {
  if (!isRecord(value)) return [];
  const traceId = traceIdOf(value.traceID);
  const spanId = spanIdOf(value.spanID);
  if (traceId === undefined || spanId === undefined) return [];
  return [{ isParent: value.refType === 'CHILD_OF', link: { traceId, spanId, attributes: emptyAttributes() } }];
}

function eventOf(value: unknown): SpanEvent[] {
  if (!isRecord(value)) return [];
  const attributes = attributesOf(value.fields);
  const { event } = attributes;
  return [{ name: textOf(event), timeUnixNano: microseconds(value.timestamp) ?? 0n, attributes }];
}

function attributesOf(tags: unknown): SpanAttributes {
  const attributes = emptyAttributes();
  for (const tag of listOf(tags)) {
    if (!isRecord(tag) || typeof tag.key !== 'string') continue;
    const { value } = tag;
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    attributes[tag.key] = isPlain ? (value as AttributeValue) : null;
  }
  return attributes;
}

const kinds: Readonly<Record<string, SpanKindName>> = {
  server: 'SERVER',
  client: 'CLIENT',
  producer: 'PRODUCER',
  consumer: 'CONSUMER',
};

function kindOf(value: unknown): SpanKindName {
  return kinds[textOf(value).toLowerCase()] ?? 'INTERNAL';
}

/** Twice this many microseconds are nanoseconds of 64 bits: a start and a duration. */
const MOST = 2 ** 63 / 1000;

/** Returns microseconds as nanoseconds; `undefined` for what is none, or more than a clock of 64 bits tells. */
export function microseconds(value: unknown): bigint | undefined {
  return typeof value === 'number' && value >= 0 && value < MOST ? BigInt(Math.round(value)) * 1000n : undefined;
}
