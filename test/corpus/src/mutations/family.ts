import type { CollectedSpan } from '@throughline/verify';

/** Spans, and what is above and below each: worked out from ids alone, apart from the checker. */
export interface Family {
  readonly spans: readonly CollectedSpan[];
  find(id: string): CollectedSpan | undefined;
  parentOf(span: CollectedSpan): CollectedSpan | undefined;
  childrenOf(span: CollectedSpan): readonly CollectedSpan[];
  /** A span and all that is under it. */
  below(span: CollectedSpan): ReadonlySet<CollectedSpan>;
}

/** What names a span among those of all traces. */
export function idOf({ traceId, spanId }: Pick<CollectedSpan, 'traceId' | 'spanId'>): string {
  return `${traceId}/${spanId}`;
}

export function parentIdOf({ traceId, parentSpanId }: CollectedSpan): string | undefined {
  return parentSpanId === undefined ? undefined : `${traceId}/${parentSpanId}`;
}

/** Whether the parent of a span is in another process, as far as it says. */
export function isReceived({ parentIsRemote, kind }: CollectedSpan): boolean {
  return parentIsRemote ?? (kind === 'SERVER' || kind === 'CONSUMER');
}

/** Of spans that came twice, one is kept. */
export function familyOf(given: readonly CollectedSpan[]): Family {
  const byId = new Map(given.map((span) => [idOf(span), span]));
  const spans = [...byId.values()];
  const children = new Map<string, CollectedSpan[]>();
  for (const span of spans) {
    const above = parentIdOf(span);
    if (above === undefined || !byId.has(above)) continue;
    const known = children.get(above);
    if (known === undefined) children.set(above, [span]);
    else known.push(span);
  }
  const childrenOf = (span: CollectedSpan): readonly CollectedSpan[] => children.get(idOf(span)) ?? [];
  return {
    spans,
    find: (id) => byId.get(id),
    parentOf: (span) => byId.get(parentIdOf(span) ?? ''),
    childrenOf,
    below: (span) => {
      const found = new Set([span]);
      // The set grows while it is walked.
      for (const each of found) for (const child of childrenOf(each)) found.add(child);
      return found;
    },
  };
}

/** Returns the groups of spans that parents and links connect. */
export function chainsOf(family: Family): CollectedSpan[][] {
  const near = new Map<CollectedSpan, CollectedSpan[]>(family.spans.map((span) => [span, []]));
  const join = (a: CollectedSpan, b: CollectedSpan | undefined): void => {
    if (b === undefined) return;
    near.get(a)?.push(b);
    near.get(b)?.push(a);
  };
  const inTrace = new Map<string, CollectedSpan>();
  for (const span of family.spans) {
    join(span, family.parentOf(span));
    for (const link of span.links) join(span, family.find(idOf(link)));
    // A trace that begins outside of the capture may have several spans without a parent in it.
    join(span, inTrace.get(span.traceId));
    inTrace.set(span.traceId, span);
  }
  const seen = new Set<CollectedSpan>();
  return family.spans.flatMap((first) => {
    if (seen.has(first)) return [];
    const chain = new Set([first]);
    for (const span of chain) for (const other of near.get(span) ?? []) chain.add(other);
    for (const span of chain) seen.add(span);
    return [[...chain]];
  });
}
