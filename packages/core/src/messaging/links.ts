import { isSpanContextValid } from '@opentelemetry/api';
import type { Link, SpanContext } from '@opentelemetry/api';
import { MAX_LINKS } from './conventions.ts';

/** Links to distinct creation contexts, at most {@link MAX_LINKS}. */
export class CreationLinks {
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
      if (first.context.spanId === context.spanId && first.context.traceId === context.traceId) return;
      // Most lists have one member, and need no set.
      this.#seen ??= new Set([keyOf(first.context)]);
      const key = keyOf(context);
      if (this.#seen.has(key)) return;
      this.#seen.add(key);
    }
    this.list.push({ context });
  }

  /** Adds a link to a span that was started just now: there is no other to it. */
  addNew(context: SpanContext): void {
    if (!this.full) this.list.push({ context });
  }
}

function keyOf({ traceId, spanId }: SpanContext): string {
  return traceId + spanId;
}
