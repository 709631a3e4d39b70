import { beyondJsonLimits } from './json-limits.ts';
import { isRecord, listOf, textOf } from './json-values.ts';
import type { ParsedSpans, Parsing } from './parsing.ts';
import { walkOtlpJson } from './otlp-walk.ts';
import type { SpanGroup } from './otlp-walk.ts';
import { isNoId, readAttributes, readIsRemote, readIsSampled, readKind, readStatus, readTime } from './otlp-values.ts';
import { parseSpanId, parseTraceId, serviceOf } from './span.ts';
import type { CollectedSpan, SpanEvent, SpanLink } from './span.ts';

/**
 * Returns the spans of an OTLP `ExportTraceServiceRequest` in its JSON form: an object, its text, or a text with one
 * object a line, as file exporters write. Lines that hold metrics or logs count as empty.
 *
 * Total: any value of any type gives a result, and never throws.
 * Follows https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 *
 * ```ts
 * const { spans, rejected } = parseOtlpJson(readFileSync('traces.jsonl', 'utf8'));
 * ```
 */
export function parseOtlpJson(input: unknown): ParsedSpans {
  const into: Parsing = { spans: [], rejected: 0 };
  if (typeof input === 'string') readText(input, into);
  else readRequest(input, 'the body', into);
  return into;
}

/**
 * Returns the spans of one OTLP request as it comes over HTTP: JSON in UTF-8, one object and no lines of them. Time and memory
 * are bounded by the number of bytes. Total, as {@link parseOtlpJson} is.
 */
export function parseOtlpJsonBody(bytes: Buffer): ParsedSpans {
  const into: Parsing = { spans: [], rejected: 0 };
  const malformed = beyondJsonLimits(bytes);
  if (malformed !== undefined) return { ...into, malformed };
  const parsed = parseJson(withoutByteOrderMark(bytes.toString('utf8')));
  if (parsed === undefined) return { ...into, malformed: 'the body is not JSON' };
  readRequest(parsed.value, 'the body', into);
  return into;
}

function withoutByteOrderMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function readText(text: string, into: Parsing): void {
  const body = withoutByteOrderMark(text);
  const whole = parseJson(body);
  if (whole !== undefined) return readRequest(whole.value, 'the body', into);
  const lines = body.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const where = lines.length === 1 ? 'the body' : `line ${index + 1}`;
    const parsed = parseJson(line);
    if (parsed === undefined) into.malformed ??= `${where} is not JSON`;
    else readRequest(parsed.value, where, into);
  }
}

function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function readRequest(request: unknown, where: string, into: Parsing): void {
  walkOtlpJson(request, where, into, (span, group) => {
    const collected = readSpan(span, group);
    if (collected !== undefined) into.spans.push(collected);
    return collected !== undefined;
  });
}

function readSpan(span: unknown, { resource, scope }: SpanGroup): CollectedSpan | undefined {
  if (!isRecord(span)) return undefined;
  const traceId = parseTraceId(span.traceId);
  const spanId = parseSpanId(span.spanId);
  const parentSpanId = isNoId(span.parentSpanId) ? undefined : parseSpanId(span.parentSpanId);
  const startTimeUnixNano = readTime(span.startTimeUnixNano);
  const endTimeUnixNano = readTime(span.endTimeUnixNano);
  if (traceId === undefined || spanId === undefined) return undefined;
  if (parentSpanId === undefined && !isNoId(span.parentSpanId)) return undefined;
  if (startTimeUnixNano === undefined || endTimeUnixNano === undefined) return undefined;
  const parentIsRemote = readIsRemote(span.flags);
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    ...(parentSpanId === undefined || parentIsRemote === undefined ? {} : { parentIsRemote }),
    name: textOf(span.name),
    kind: readKind(span.kind),
    service: serviceOf(resource),
    startTimeUnixNano,
    endTimeUnixNano,
    attributes: readAttributes(span.attributes),
    links: readAll(span.links, readLink),
    events: readAll(span.events, readEvent),
    status: readStatus(span.status),
    scope,
    resource,
  };
}

/** No link for one that names no span: the specification allows such, and they point nowhere. */
function readLink(link: unknown): SpanLink | undefined {
  if (!isRecord(link)) return undefined;
  const traceId = parseTraceId(link.traceId);
  const spanId = parseSpanId(link.spanId);
  if (traceId === undefined || spanId === undefined) return undefined;
  const isSampled = readIsSampled(link.flags);
  const attributes = readAttributes(link.attributes);
  return isSampled === undefined ? { traceId, spanId, attributes } : { traceId, spanId, isSampled, attributes };
}

function readEvent(event: unknown): SpanEvent | undefined {
  if (!isRecord(event)) return undefined;
  return {
    name: textOf(event.name),
    timeUnixNano: readTime(event.timeUnixNano) ?? 0n,
    attributes: readAttributes(event.attributes),
  };
}

/** Without a list for each item: there may be a million of them. */
function readAll<T>(items: unknown, read: (item: unknown) => T | undefined): T[] {
  const all: T[] = [];
  for (const item of listOf(items)) {
    const one = read(item);
    if (one !== undefined) all.push(one);
  }
  return all;
}
