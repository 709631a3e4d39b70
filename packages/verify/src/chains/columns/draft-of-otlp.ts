import { isRecord, listOf, textOf } from '../../json-values.ts';
import {
  isNoId,
  readAnyValue,
  readIsRemote,
  readIsSampled,
  readKind,
  readStatus,
  readTime,
} from '../../otlp-values.ts';
import { instanceOf, MAX_ATTRIBUTE_DEPTH, parseSpanId, parseTraceId } from '../../span.ts';
import type { SpanGroup } from '../../otlp-walk.ts';
import { takeEvent } from './draft-events.ts';
import { KnownAttributes } from './known-attributes.ts';
import type { DraftLink, SpanDraft } from './span-draft.ts';
import { halfOf } from './span-ids.ts';

/**
 * Fills a draft with a span as it stands in OTLP/JSON, and returns whether it is one. The same as by way of `parseOtlpJson`, in a third of
 * the time: no object is made for a span, and of its attributes only those are read that are looked at.
 */
export function draftOfOtlp(draft: SpanDraft, span: unknown, service: string, group: SpanGroup): boolean {
  if (!isRecord(span)) return false;
  const { traceId, parentSpanId, startTimeUnixNano, endTimeUnixNano, flags } = span;
  const lastTraceId = draft.traceId;
  draft.clear();
  draft.start = millisecondsOf(startTimeUnixNano);
  draft.duration = millisecondsOf(endTimeUnixNano) - draft.start;
  if (Number.isNaN(draft.duration)) return false;
  // Of two such large numbers the difference has lost what is below a microsecond.
  if (draft.duration < 1) draft.duration = exactDuration(startTimeUnixNano, endTimeUnixNano);
  const trace = traceId === lastTraceId && traceId !== '' ? lastTraceId : parseTraceId(traceId);
  if (trace === undefined) return false;
  draft.traceId = trace;
  const id = idIn(span.spanId);
  if (id === undefined) return false;
  draft.high = halfOf(id, 0);
  draft.low = halfOf(id, 8);
  if (!isNoId(parentSpanId)) {
    const parent = idIn(parentSpanId);
    if (parent === undefined) return false;
    draft.hasParent = true;
    draft.parentHigh = halfOf(parent, 0);
    draft.parentLow = halfOf(parent, 8);
    draft.parentIsRemote = readIsRemote(flags);
  }
  draft.name = textOf(span.name);
  draft.kind = readKind(span.kind);
  draft.service = service;
  draft.scope = group.scope.name;
  const { code, message = '' } = readStatus(span.status);
  draft.failed = code === 'ERROR';
  draft.statusMessage = message;
  for (const keyValue of listOf(span.attributes)) {
    if (!isRecord(keyValue) || typeof keyValue.key !== 'string') continue;
    const place = KnownAttributes.placeOf(keyValue.key);
    if (place !== undefined) draft.attributes.set(place, readAnyValue(keyValue.value, MAX_ATTRIBUTE_DEPTH));
  }
  for (const event of listOf(span.events)) {
    if (isRecord(event)) takeEvent(draft, event.name, (key) => valueIn(event.attributes, key));
  }
  // Told of few spans, so that it is looked up for those alone.
  draft.instance = draft.loads.length === 0 ? undefined : instanceOf(group.resource);
  draft.links = listOf(span.links);
  draft.readLink = readLink;
  return true;
}

/** No link for one that names no span: the specification allows such, and they point nowhere. */
function readLink(link: unknown): DraftLink | undefined {
  if (!isRecord(link)) return undefined;
  const traceId = parseTraceId(link.traceId);
  const id = idIn(link.spanId);
  if (traceId === undefined || id === undefined) return undefined;
  const isUnsampled = readIsSampled(link.flags) === false;
  return { traceId, high: halfOf(id, 0), low: halfOf(id, 8), isUnsampled };
}

function valueIn(attributes: unknown, key: string): unknown {
  const found = listOf(attributes).find((attribute) => isRecord(attribute) && attribute.key === key);
  return isRecord(found) ? readAnyValue(found.value, MAX_ATTRIBUTE_DEPTH) : undefined;
}

/** Returns an id as {@link halfOf} takes it. Most are in that form. */
function idIn(value: unknown): string | undefined {
  return typeof value === 'string' && value.length === 16 && isWritten(value) ? value : parseSpanId(value);
}

function isWritten(id: string): boolean {
  const high = halfOf(id, 0);
  const low = halfOf(id, 8);
  return !Number.isNaN(high) && !Number.isNaN(low) && (high !== 0 || low !== 0);
}

/** Returns milliseconds since 1970, and `NaN` for what is no time. */
function millisecondsOf(time: unknown): number {
  if (typeof time === 'string') return isWhole(time) ? Number(time) / 1e6 : Number.NaN;
  const read = readTime(time);
  return read === undefined ? Number.NaN : Number(read) / 1e6;
}

function exactDuration(start: unknown, end: unknown): number {
  return Number((readTime(end) ?? 0n) - (readTime(start) ?? 0n)) / 1e6;
}

function isWhole(text: string): boolean {
  if (text.length === 0 || text.length > 20) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}
