import type { CollectedSpan } from './span.ts';

/** What a body, or a file, held. */
export interface ParsedSpans {
  readonly spans: CollectedSpan[];
  /** How many spans were left out because they have no valid ids or times. */
  readonly rejected: number;
  /** Why the body, or a line of it, is nothing that can be read; absent when it is. */
  readonly malformed?: string;
}

/** The same, while it is read. */
export interface Parsing {
  readonly spans: CollectedSpan[];
  rejected: number;
  malformed?: string;
}

/** Returns what `read` finds. A value from outside may have getters and proxies that throw: what it found by then stays. */
export function parsingInto(read: (into: Parsing) => void): ParsedSpans {
  const into: Parsing = { spans: [], rejected: 0 };
  try {
    read(into);
  } catch {
    into.malformed ??= 'the body cannot be read';
  }
  return into;
}
