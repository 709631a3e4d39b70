import { microseconds } from './jaeger-json.ts';
import { isRecord, listOf, textOf } from './json-values.ts';
import { parsingInto } from './parsing.ts';
import type { ParsedSpans } from './parsing.ts';
import { emptyAttributes, parseSpanId, parseTraceId } from './span.ts';
import type { CollectedSpan, SpanAttributes, SpanKindName } from './span.ts';

/**
 * Returns the spans of Zipkin's JSON, version 2: a list of spans. Total: any value gives a result.
 * https://zipkin.io/zipkin-api/
 */
export function parseZipkinJson(input: unknown): ParsedSpans {
  return parsingInto((into) => {
    if (!Array.isArray(input)) {
      into.malformed = 'the body is not a list of spans of Zipkin';
      return;
    }
    // Its API answers one trace as a list, and several as a list of lists.
    for (const span of (input as readonly unknown[]).flat()) {
      const read = isRecord(span) ? readSpan(span) : undefined;
      if (read === undefined) into.rejected++;
      else into.spans.push(read);
    }
  });
}

function readSpan(span: Readonly<Record<string, unknown>>): CollectedSpan | undefined {
  const traceId = parseTraceId(textOf(span.traceId).padStart(32, '0'));
  const spanId = parseSpanId(textOf(span.id).padStart(16, '0'));
  if (traceId === undefined || spanId === undefined) return undefined;
  const parentSpanId = parseSpanId(textOf(span.parentId).padStart(16, '0'));
  const start = microseconds(span.timestamp) ?? 0n;
  const attributes = attributesOf(span.tags);
  const endpoint = isRecord(span.localEndpoint) ? span.localEndpoint : {};
  const service = textOf(endpoint.serviceName) || 'unknown_service';
  const resource = emptyAttributes();
  resource['service.name'] = service;
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? undefined : { parentSpanId }),
    name: textOf(span.name),
    kind: kinds[textOf(span.kind)] ?? 'INTERNAL',
    service,
    startTimeUnixNano: start,
    endTimeUnixNano: start + (microseconds(span.duration) ?? 0n),
    attributes,
    links: [],
    events: listOf(span.annotations).flatMap((annotation) =>
      isRecord(annotation)
        ? [
            {
              name: textOf(annotation.value),
              timeUnixNano: microseconds(annotation.timestamp) ?? 0n,
              attributes: emptyAttributes(),
            },
          ]
        : [],
    ),
    status: { code: attributes['error'] === undefined ? 'UNSET' : 'ERROR' },
    scope: { name: textOf(attributes['otel.scope.name'] ?? attributes['otel.library.name']) },
    resource,
  };
}

const kinds: Readonly<Record<string, SpanKindName>> = {
  SERVER: 'SERVER',
  CLIENT: 'CLIENT',
  PRODUCER: 'PRODUCER',
  CONSUMER: 'CONSUMER',
};

function attributesOf(tags: unknown): SpanAttributes {
  const attributes = emptyAttributes();
  if (isRecord(tags)) for (const [key, value] of Object.entries(tags)) attributes[key] = textOf(value);
  return attributes;
}
