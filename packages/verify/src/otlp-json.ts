import { beyondJsonLimits } from './json-limits.ts';
import { isRecord, listOf, textOf } from './json-values.ts';
import type { ParsedSpans, Parsing } from './parsing.ts';
import {
  MAX_ATTRIBUTE_DEPTH,
  type AttributeValue,
  type CollectedSpan,
  type SpanAttributes,
  type SpanEvent,
  type SpanKindName,
  type SpanLink,
  type SpanStatus,
  emptyAttributes,
  noAttributes,
  parseSpanId,
  parseTraceId,
  serviceOf,
} from './span.ts';

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
  // An object from outside may have getters and proxies that throw: the one thing that no check can see coming.
  try {
    if (!isRecord(request)) {
      into.malformed ??= `${where} is not an object`;
      return;
    }
    if (request.resourceSpans !== undefined && !Array.isArray(request.resourceSpans)) {
      into.malformed ??= `resourceSpans of ${where} is not an array`;
      return;
    }
    for (const resourceSpans of listOf(request.resourceSpans)) readResourceSpans(resourceSpans, into);
  } catch {
    into.malformed ??= `${where} cannot be read`;
  }
}

function readResourceSpans(resourceSpans: unknown, into: Parsing): void {
  if (!isRecord(resourceSpans)) return;
  const resource = readAttributes(isRecord(resourceSpans.resource) ? resourceSpans.resource.attributes : undefined);
  for (const scopeSpans of listOf(resourceSpans.scopeSpans)) {
    if (!isRecord(scopeSpans)) continue;
    const scope = readScope(scopeSpans.scope);
    for (const span of listOf(scopeSpans.spans)) {
      const collected = readSpan(span, resource, scope);
      if (collected === undefined) into.rejected++;
      else into.spans.push(collected);
    }
  }
}

function readScope(scope: unknown): CollectedSpan['scope'] {
  if (!isRecord(scope)) return { name: '' };
  const name = textOf(scope.name);
  const version = textOf(scope.version);
  return version === '' ? { name } : { name, version };
}

function readSpan(span: unknown, resource: SpanAttributes, scope: CollectedSpan['scope']): CollectedSpan | undefined {
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

/** A root's parent: absent, empty, or all zeros. */
function isNoId(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === '0000000000000000';
}

/** The flags' bits 8 and 9: whether it is known that the parent is remote, and whether it is. */
function readIsRemote(flags: unknown): boolean | undefined {
  if (typeof flags !== 'number' || (flags & 0x100) === 0) return undefined;
  return (flags & 0x200) !== 0;
}

const KINDS: readonly SpanKindName[] = ['INTERNAL', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

function readKind(kind: unknown): SpanKindName {
  if (typeof kind === 'number') return KINDS[kind] ?? 'INTERNAL';
  const said = wordOf(kind, 'SPAN_KIND_');
  return KINDS.find((name) => name === said) ?? 'INTERNAL';
}

/** Returns a value of an enumeration by name, with its prefix or without. */
function wordOf(value: unknown, prefix: string): string {
  const word = textOf(value).toUpperCase();
  return word.startsWith(prefix) ? word.slice(prefix.length) : word;
}

function readStatus(status: unknown): SpanStatus {
  if (!isRecord(status)) return { code: 'UNSET' };
  const { code } = status;
  const message = textOf(status.message);
  const said = wordOf(code, 'STATUS_CODE_');
  const name = code === 2 || said === 'ERROR' ? 'ERROR' : code === 1 || said === 'OK' ? 'OK' : 'UNSET';
  return message === '' ? { code: name } : { code: name, message };
}

/** No link for one that names no span: the specification allows such, and they point nowhere. */
function readLink(link: unknown): SpanLink | undefined {
  if (!isRecord(link)) return undefined;
  const traceId = parseTraceId(link.traceId);
  const spanId = parseSpanId(link.spanId);
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, attributes: readAttributes(link.attributes) };
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

function readTime(time: unknown): bigint | undefined {
  if (time === undefined || time === null) return 0n;
  if (typeof time === 'string') return /^\d{1,20}$/.test(time) ? BigInt(time) : undefined;
  if (typeof time === 'number') return Number.isInteger(time) && time >= 0 && time < 2 ** 64 ? BigInt(time) : undefined;
  return typeof time === 'bigint' && time >= 0n && time < 2n ** 64n ? time : undefined;
}

function readAttributes(keyValues: unknown, depth: number = MAX_ATTRIBUTE_DEPTH): SpanAttributes {
  const list = listOf(keyValues);
  if (list.length === 0) return noAttributes;
  const attributes = emptyAttributes();
  for (const keyValue of list) {
    if (isRecord(keyValue) && typeof keyValue.key === 'string') {
      attributes[keyValue.key] = readAnyValue(keyValue.value, depth);
    }
  }
  return attributes;
}

function readAnyValue(value: unknown, depth: number): AttributeValue {
  if (!isRecord(value) || depth === 0) return null;
  if (typeof value.stringValue === 'string') return value.stringValue;
  if (typeof value.boolValue === 'boolean') return value.boolValue;
  if (value.intValue !== undefined) return readInteger(value.intValue);
  if (value.doubleValue !== undefined) return readDouble(value.doubleValue);
  if (typeof value.bytesValue === 'string') return value.bytesValue;
  if (isRecord(value.arrayValue)) return listOf(value.arrayValue.values).map((item) => readAnyValue(item, depth - 1));
  if (isRecord(value.kvlistValue)) return readAttributes(value.kvlistValue.values, depth - 1);
  return null;
}

function readInteger(value: unknown): number | bigint | null {
  if (typeof value === 'number') return Number.isInteger(value) ? value : null;
  if (typeof value === 'string' && !/^-?\d{1,19}$/.test(value)) return null;
  if (typeof value !== 'string' && typeof value !== 'bigint') return null;
  const integer = BigInt(value);
  const number = Number(integer);
  return BigInt(number) === integer ? number : integer;
}

/** JSON has no NaN and no infinities: protobuf's JSON form writes them as strings. */
function readDouble(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  return value === '-Infinity' ? Number.NEGATIVE_INFINITY : null;
}
