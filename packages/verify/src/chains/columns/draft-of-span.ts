import type { CollectedSpan, SpanLink } from '../../span.ts';
import { KnownAttributes } from './known-attributes.ts';
import { EXCEEDED, EXCEEDED_REASON } from './span-draft.ts';
import type { DraftLink, SpanDraft } from './span-draft.ts';
import { halvesOf } from './span-ids.ts';

/** Fills a draft with a span. */
export function draftOfSpan(draft: SpanDraft, span: CollectedSpan): void {
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
  draft.start = milliseconds(span.startTimeUnixNano);
  draft.duration = milliseconds(span.endTimeUnixNano - span.startTimeUnixNano);
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
}

function readLink(link: unknown): DraftLink {
  const { traceId, spanId } = link as SpanLink;
  const [high, low] = halvesOf(spanId);
  return { traceId, high, low };
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}
