import { isSpanContextValid } from '@opentelemetry/api';
import type { Link, SpanContext } from '@opentelemetry/api';
import { sameSpan } from './hop.ts';

/** The SDK keeps no more links than this on a span by default. */
export const MAX_LINKS = 128;

/** Links to distinct spans, at most {@link MAX_LINKS}. */
export class Links {
  readonly list: Link[] = [];
  #seen: Set<string> | undefined;

  get full(): boolean {
    return this.list.length >= MAX_LINKS;
  }

  /** Adds a link, unless it is there, or the list is full, or the context is not valid. */
  add(context: SpanContext): void {
    if (this.full || !isSpanContextValid(context)) return;
    const [first] = this.list;
    if (first !== undefined) {
      if (sameSpan(first.context, context)) return;
      // Most lists have one member, and need no set.
      this.#seen ??= new Set([keyOf(first.context)]);
      const key = keyOf(context);
      if (this.#seen.has(key)) return;
      this.#seen.add(key);
    }
    this.list.push({ context });
  }
}

function keyOf({ traceId, spanId }: SpanContext): string {
  return traceId + spanId;
}

/** Returns links with one more, unless it is there or the list is full. */
export function linked(links: readonly Link[] | undefined, context: SpanContext): readonly Link[] {
  if (links === undefined || links.length === 0) return [{ context }];
  if (links.length >= MAX_LINKS || links.some((link) => sameSpan(link.context, context))) return links;
  return [...links, { context }];
}
