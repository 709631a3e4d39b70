import type { AttributeValue, CollectedSpan, SpanAttributes, SpanKindName, SpanStatus } from './span.ts';

/**
 * Returns spans as one OTLP `ExportTraceServiceRequest` in its JSON form, on one line: what {@link parseOtlpJson} reads, and collectors.
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 *
 * ```ts
 * writeFileSync('spans.jsonl', formatOtlpJson(collector.spans()));
 * ```
 */
export function formatOtlpJson(spans: Iterable<CollectedSpan>): string {
  // One group a resource and scope: parsers give all spans of one the same object.
  const groups = new Map<SpanAttributes, Map<CollectedSpan['scope'], CollectedSpan[]>>();
  for (const span of spans) {
    const scopes = groups.get(span.resource) ?? new Map<CollectedSpan['scope'], CollectedSpan[]>();
    groups.set(span.resource, scopes);
    const list = scopes.get(span.scope);
    if (list === undefined) scopes.set(span.scope, [span]);
    else list.push(span);
  }
  return JSON.stringify({
    resourceSpans: Array.from(groups, ([resource, scopes]) => ({
      resource: { attributes: keyValues(resource) },
      scopeSpans: Array.from(scopes, ([scope, list]) => ({ scope, spans: list.map(spanOf) })),
    })),
  });
}

const kinds: Readonly<Record<SpanKindName, number>> = { INTERNAL: 1, SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 };
const statuses: Readonly<Record<SpanStatus['code'], number>> = { UNSET: 0, OK: 1, ERROR: 2 };
// Bits 8 and 9 of the flags: whether it is known where the parent is, and whether that is elsewhere.
const PARENT_KNOWN = 0x100;
const PARENT_REMOTE = 0x200;
const SAMPLED = 1;

function spanOf(span: CollectedSpan): object {
  const { traceId, spanId, parentSpanId, parentIsRemote, name, kind, status } = span;
  return {
    traceId,
    spanId,
    parentSpanId,
    flags: parentIsRemote === undefined ? undefined : PARENT_KNOWN | (parentIsRemote ? PARENT_REMOTE : 0),
    name,
    kind: kinds[kind],
    startTimeUnixNano: String(span.startTimeUnixNano),
    endTimeUnixNano: String(span.endTimeUnixNano),
    attributes: keyValues(span.attributes),
    links: span.links.map(({ isSampled, ...link }) => ({
      ...link,
      flags: isSampled === undefined ? undefined : PARENT_KNOWN | (isSampled ? SAMPLED : 0),
      attributes: keyValues(link.attributes),
    })),
    events: span.events.map((event) => ({
      name: event.name,
      timeUnixNano: String(event.timeUnixNano),
      attributes: keyValues(event.attributes),
    })),
    status: { code: statuses[status.code], message: status.message },
  };
}

function keyValues(attributes: Readonly<Record<string, AttributeValue>>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: AttributeValue): object {
  if (value === null) return {};
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'bigint':
      return { intValue: String(value) };
    case 'number':
      return Number.isSafeInteger(value)
        ? { intValue: String(value) }
        : { doubleValue: Number.isFinite(value) ? value : String(value) };
    default:
      return isList(value)
        ? { arrayValue: { values: value.map(anyValue) } }
        : { kvlistValue: { values: keyValues(value) } };
  }
}

function isList(value: object): value is readonly AttributeValue[] {
  return Array.isArray(value);
}
