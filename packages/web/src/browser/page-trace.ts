import { formatTraceparent, parseTraceparent } from '@throughline/core/adapter';

/** A span of a server, as it told of itself. */
export interface ServerTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether the server exports the span. */
  readonly sampled: boolean;
  /** All of it, as a header has it. */
  readonly traceparent: string;
}

/** A `Response`, or an entry of the Performance API for a page or what it has loaded. */
export type ServerTimed =
  | { readonly headers: { get(name: string): string | null } }
  | { readonly serverTiming?: readonly { readonly name: string; readonly description: string }[] | undefined };

/**
 * Returns the server's span that made an answer, by `Server-Timing: traceparent;desc="…"`, or `undefined` where it does not say. Of another
 * origin, a response's header shows where that sends `Access-Control-Expose-Headers: Server-Timing`, and an entry's where it sends
 * `Timing-Allow-Origin`. https://w3c.github.io/server-timing/
 *
 * @example
 * ```ts
 * serverTrace(await fetch('/api/plans'))?.traceId; // '0af7651916cd43dd8448eb211c80319c'
 * ```
 */
export function serverTrace(answer: ServerTimed): ServerTrace | undefined {
  if ('headers' in answer) return traceOf(inHeader(answer.headers.get('server-timing')));
  return traceOf(answer.serverTiming?.find(({ name }) => name === NAME)?.description);
}

/**
 * Returns the server's span that made this page, or `undefined` where it is not known: by `<meta name="traceparent">`, else by the page's own
 * `Server-Timing`. A page that comes out of a cache was made for somebody else, or long ago, and has none.
 */
export function pageTrace(): ServerTrace | undefined {
  const { document, performance } = globalThis as {
    document?: { querySelector(selector: string): { readonly content?: string } | null };
    performance?: { getEntriesByType?(type: string): readonly object[] };
  };
  const [page] = (performance?.getEntriesByType?.('navigation') ?? []) as readonly Navigation[];
  if (page?.transferSize === 0) return undefined;
  return (
    traceOf(document?.querySelector(`meta[name="${NAME}"]`)?.content) ?? (page === undefined ? page : serverTrace(page))
  );
}

interface Navigation {
  readonly transferSize?: number;
  readonly serverTiming?: readonly { readonly name: string; readonly description: string }[];
}

const NAME = 'traceparent';

// Metrics are separated by commas, and a description is a token or in quotes.
function inHeader(value: string | null): string | undefined {
  return /(?:^|,)\s*traceparent\s*;(?:[^,;"]*;)*\s*desc\s*=\s*"?([\da-f-]{55})/.exec(value ?? '')?.[1];
}

function traceOf(text: string | undefined): ServerTrace | undefined {
  const context = parseTraceparent(text);
  const traceparent = formatTraceparent(context);
  if (context === undefined || traceparent === undefined) return undefined;
  const { traceId, spanId, traceFlags } = context;
  return { traceId, spanId, sampled: (traceFlags & 1) === 1, traceparent };
}
