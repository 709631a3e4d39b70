import type { CollectedSpan, SpanLink } from '../../span.ts';
import { KnownAttributes } from './known-attributes.ts';
import { EXCEEDED, EXCEEDED_REASON } from './span-draft.ts';
import type { DraftLink, SpanDraft } from './span-draft.ts';
import { halfOf, halvesOf } from './span-ids.ts';

/** Fills a draft with a span, and returns whether it is one: spans that were made by hand may have ids of any kind. */
export function draftOfSpan(draft: SpanDraft, span: CollectedSpan): boolean {
  const { spanId, parentSpanId, parentIsRemote, attributes, events, links } = span;
  draft.clear();
  draft.traceId = span.traceId;
  [draft.high, draft.low] = halvesOf(spanId);
  if (parentSpanId !== undefined) {
    draft.hasParent = true;
    [draft.parentHigh, draft.parentLow] = halvesOf(parentSpanId);
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
  for (const event of events) {
    if (event.name !== EXCEEDED) continue;
    const reason = event.attributes[EXCEEDED_REASON];
    draft.exceeded ??= typeof reason === 'string' ? reason : 'a limit';
  }
  draft.links = links;
  draft.readLink = readLink;
  return isId(span.traceId, 32) && isId(spanId, 16) && (parentSpanId === undefined || isId(parentSpanId, 16));
}

function readLink(link: unknown): DraftLink {
  const { traceId, spanId, isSampled } = link as SpanLink;
  const [high, low] = halvesOf(spanId);
  return { traceId, high, low, isUnsampled: isSampled === false };
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
