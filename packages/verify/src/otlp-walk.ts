import { isRecord, listOf, textOf } from './json-values.ts';
import { readAttributes } from './otlp-values.ts';
import type { CollectedSpan, SpanAttributes } from './span.ts';

/** What spans of one exporter have in common. */
export interface SpanGroup {
  readonly resource: SpanAttributes;
  readonly scope: CollectedSpan['scope'];
}

/** What was left out of a request, and why none of it can be read. */
export interface Unread {
  rejected: number;
  malformed?: string;
}

/** Calls `take` for every span of an OTLP request in its JSON form: it returns whether the span is one. Total: it never throws. */
export function walkOtlpJson(
  request: unknown,
  where: string,
  into: Unread,
  take: (span: unknown, group: SpanGroup) => boolean,
): void {
  // An object from outside may have getters and proxies that throw: the one thing that no check can see coming.
  try {
    if (!isRecord(request)) {
      into.malformed ??= `${where} is not an object`;
      return;
    }
    if (request.resourceSpans !== undefined && !Array.isArray(request.resourceSpans)) {
      into.malformed ??= `resourceSpans of ${where} is not an array`;
      return;
    }
    for (const resourceSpans of listOf(request.resourceSpans)) {
      if (!isRecord(resourceSpans)) continue;
      const resource = readAttributes(isRecord(resourceSpans.resource) ? resourceSpans.resource.attributes : undefined);
      for (const scopeSpans of listOf(resourceSpans.scopeSpans)) {
        if (!isRecord(scopeSpans)) continue;
        const group = { resource, scope: readScope(scopeSpans.scope) };
        for (const span of listOf(scopeSpans.spans)) if (!take(span, group)) into.rejected++;
      }
    }
  } catch {
    into.malformed ??= `${where} cannot be read`;
  }
}

function readScope(scope: unknown): CollectedSpan['scope'] {
  if (!isRecord(scope)) return { name: '' };
  const name = textOf(scope.name);
  const version = textOf(scope.version);
  return version === '' ? { name } : { name, version };
}
