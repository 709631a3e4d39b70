import { THROUGHLINE_CALLS, THROUGHLINE_DIRECTION, THROUGHLINE_SCOPE } from './conventions.ts';
import type { CollectedSpan } from './span.ts';

/** Returns whether the span is the inbound end of a hop of Throughline, or was joined by one: those carry a receipt. */
export function isInboundHop({ attributes }: CollectedSpan): boolean {
  return attributes[THROUGHLINE_DIRECTION] === 'inbound' || attributes[THROUGHLINE_CALLS] !== undefined;
}

/** Returns whether the span is the outbound end of a hop of Throughline. Its scope tells where the span does not say. */
export function isOutboundHop({ attributes, kind, scope }: CollectedSpan): boolean {
  if (kind !== 'CLIENT' && kind !== 'PRODUCER') return false;
  const direction = attributes[THROUGHLINE_DIRECTION];
  return direction === 'outbound' || (direction === undefined && scope.name.startsWith(THROUGHLINE_SCOPE));
}
