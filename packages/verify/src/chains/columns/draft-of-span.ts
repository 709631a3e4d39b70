import type { CollectedSpan, SpanLink } from '../../span.ts';
import { instanceOf } from '../../span.ts';
import { takeEvent } from './draft-events.ts';
import { KnownAttributes } from './known-attributes.ts';
import type { DraftLink, SpanDraft } from './span-draft.ts';
import { halfOf } from './span-ids.ts';

/** Fills a draft with a span, and returns whether it is one: spans that were made by hand may have ids of any kind. */
export function draftOfSpan(draft: SpanDraft, span: CollectedSpan): boolean {
  const { traceId, spanId, parentSpanId, parentIsRemote, attributes, events, links } = span;
  draft.clear();
  if (!isId(traceId, 32) || !isId(spanId, 16)) return false;
  draft.traceId = traceId;
  draft.high = halfOf(spanId, 0);
  draft.low = halfOf(spanId, 8);
  if (parentSpanId !== undefined) {
    if (!isId(parentSpanId, 16)) return false;
    draft.hasParent = true;
    draft.parentHigh = halfOf(parentSpanId, 0);
    draft.parentLow = halfOf(parentSpanId, 8);
    draft.parentIsRemote = parentIsRemote;
  }
  draft.name = span.name;
  draft.kind = span.kind;
  draft.service = span.service;
  draft.scope = span.scope.name;
  draft.start = milliseconds(span.startTimeUnixNano);
  draft.duration = milliseconds(span.endTimeUnixNano) - draft.start;
  // Of two such large numbers the difference has lost what is below a microsecond.
  if (draft.duration < 1) draft.duration = milliseconds(span.endTimeUnixNano - span.startTimeUnixNano);
  draft.failed = span.status.code === 'ERROR';
  draft.statusMessage = span.status.message ?? '';
  for (const key in attributes) {
    const place = KnownAttributes.placeOf(key);
    if (place !== undefined) draft.attributes.set(place, attributes[key] ?? null);
  }
  for (const event of events) takeEvent(draft, event.name, (key) => event.attributes[key]);
  // Told of few spans, so that it is looked up for those alone.
  draft.instance = draft.loads.length === 0 ? undefined : instanceOf(span.resource);
  draft.links = links;
  draft.readLink = readLink;
  return true;
}

function readLink(link: unknown): DraftLink | undefined {
  const { traceId, spanId, isSampled } = link as SpanLink;
  if (!isId(traceId, 32) || !isId(spanId, 16)) return undefined;
  return { traceId, high: halfOf(spanId, 0), low: halfOf(spanId, 8), isUnsampled: isSampled === false };
}

function isId(id: string, digits: 16 | 32): boolean {
  if (id.length !== digits) return false;
  let bits = 0;
  for (let from = 0; from < digits; from += 8) {
    const half = halfOf(id, from);
    if (Number.isNaN(half)) return false;
    bits |= half;
  }
  return bits !== 0;
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}
