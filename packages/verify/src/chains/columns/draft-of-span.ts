import type { CollectedSpan } from '../../span.ts';
import { KnownAttributes } from './known-attributes.ts';
import { EXCEEDED, EXCEEDED_REASON } from './span-draft.ts';
import type { SpanDraft } from './span-draft.ts';
import { halfOf } from './span-ids.ts';

/** Fills a draft with a span. */
export function draftOfSpan(draft: SpanDraft, span: CollectedSpan): void {
  const { spanId, parentSpanId, parentIsRemote, attributes, events, links } = span;
  draft.clear();
  draft.traceId = span.traceId;
  draft.high = halfOf(spanId, 0);
  draft.low = halfOf(spanId, 8);
  if (parentSpanId !== undefined) {
    draft.hasParent = true;
    draft.parentHigh = halfOf(parentSpanId, 0);
    draft.parentLow = halfOf(parentSpanId, 8);
    draft.parentIsRemote = parentIsRemote;
  }
  draft.name = span.name;
  draft.kind = span.kind;
  draft.service = span.service;
  draft.start = milliseconds(span.startTimeUnixNano);
  draft.end = milliseconds(span.endTimeUnixNano);
  draft.failed = span.status.code === 'ERROR';
  for (const key in attributes) {
    const place = KnownAttributes.placeOf(key);
    if (place !== undefined) draft.attributes.set(place, attributes[key] ?? null);
  }
  for (const event of events) {
    if (event.name !== EXCEEDED) continue;
    const reason = event.attributes[EXCEEDED_REASON];
    draft.exceeded ??= typeof reason === 'string' ? reason : 'a limit';
  }
  for (const link of links) {
    draft.links.push({ traceId: link.traceId, high: halfOf(link.spanId, 0), low: halfOf(link.spanId, 8) });
  }
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}
