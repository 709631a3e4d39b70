import { isSpanContextValid } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { httpRequestSpan } from '../context/opentelemetry.ts';
import { textOf, warnOnce } from '../diagnostics.ts';
import type { Received } from '../hop/hop.ts';
import type { Refused } from '../lineage/refusal.ts';
import type { HopSettings } from '../policy/settings.ts';
import { errorType } from '../telemetry/outcome.ts';
import type { Outcome } from '../telemetry/outcome.ts';
import { formatTraceparent } from '../w3c/traceparent.ts';
import type { OfRequest } from './server-options.ts';
import { ATTR_ABORTED, ATTR_HTTP_RESPONSE_STATUS_CODE, ATTR_HTTP_ROUTE } from './conventions.ts';

/**
 * The request headers that carry trace context and baggage, for the `allowedHeaders` of CORS: a browser sends them to another
 * origin only where that origin allows them.
 */
export const traceHeaders: readonly string[] = Object.freeze(['traceparent', 'tracestate', 'baggage']);

/** How a request was answered. */
export interface ServerAnswer {
  /** The method, as span names have it: see `methodName`. */
  readonly method: string;
  /** The pattern of the route that answered, never a concrete path. */
  readonly route?: string | undefined;
  /** The status that whoever asked could see; `undefined` where nobody could. */
  readonly status?: number | undefined;
  /** Whoever asked went away before the answer was whole. */
  readonly aborted: boolean;
  /** The class of the error that the application met, if it is known. It counts for an answer of 5xx, and for none. */
  readonly errorType?: string | undefined;
  /** What made the server itself break an answer off. */
  readonly brokenBy?: unknown;
}

/**
 * Returns the route of a request that ends: what the `route` option says, else what the framework has found. Where one of them throws
 * there is none: nothing above the end of a request would catch it.
 */
export function routeOf(said: (() => unknown) | undefined, found: () => string | undefined): string | undefined {
  try {
    const route = said?.();
    return typeof route === 'string' ? route : found();
  } catch (error) {
    warnOnce('http-route', `the \`route\` option threw, so the span has no route: ${textOf(error)}`);
    return undefined;
  }
}

/**
 * Returns whether the `ignore` option says to let a request pass as if nothing traced it. Where it throws, the request is traced: what
 * is said of a request by the way is no reason not to answer it.
 */
export function isIgnored<R>(ignore: OfRequest<R, boolean> | undefined, request: R): boolean {
  try {
    return Boolean(ignore?.(request));
  } catch (error) {
    warnOnce('http-ignore', `the \`ignore\` option threw, so the request is traced: ${textOf(error)}`);
    return false;
  }
}

/** Returns whether anybody is told how a request ends, which costs something to find out. */
export function isTold(received: Received): boolean {
  // A joined span that is not sampled has metrics all the same, which want the route.
  let told = received.joined;
  received.describe(() => (told = true));
  return told;
}

/**
 * Returns how the hop of a request came out, by the stable HTTP conventions: for a server, 4xx is the caller's error, and who goes
 * away before the end makes none. Where the hop has joined the span of instrumentation-http, that one is told the route.
 */
export function serverOutcome(received: Received, answer: ServerAnswer): Outcome {
  const { method, route, status, aborted } = answer;
  const attributes: Attributes = {};
  if (aborted) attributes[ATTR_ABORTED] = true;
  if (status !== undefined) attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = status;
  if (route !== undefined) {
    attributes[ATTR_HTTP_ROUTE] = route;
    if (received.joined) {
      // instrumentation-http takes the route from here, for the span's name and for its metrics.
      const theirs = httpRequestSpan(received.context);
      if (theirs !== undefined) theirs.route = route;
    }
  }
  return { name: route === undefined ? undefined : `${method} ${route}`, attributes, errorType: errorOf(answer) };
}

function errorOf({ status = 0, aborted, errorType: known, brokenBy }: ServerAnswer): string | undefined {
  if (status >= 500) return known ?? String(status);
  if (!aborted || status >= 400) return undefined;
  return known ?? (brokenBy === undefined || brokenBy === null ? undefined : errorType(brokenBy));
}

/** Returns the value of `Server-Timing` that tells a browser the span of a request, or `undefined` where there is none. */
export function serverTimingOf({ span }: Received, { spans }: HopSettings): string | undefined {
  const spanContext = span.spanContext();
  if (!spans || !isSpanContextValid(spanContext)) return undefined;
  return `traceparent;desc="${formatTraceparent(spanContext)}"`;
}

/** The answer to a request that is past a limit of its chain. */
export interface RefusalAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Ends the hop of a request that is past a limit of its chain, and returns what to answer: 504 past the deadline, else 508 Loop
 * Detected, with a problem document (RFC 9457) that a person or a model can act on.
 */
export function refuseRequest(refused: Refused): RefusalAnswer {
  const isLate = refused.refused === 'deadline';
  const status = isLate ? 504 : 508;
  refused.end({
    attributes: { [ATTR_HTTP_RESPONSE_STATUS_CODE]: status },
    error: refused.error,
    errorType: String(status),
  });
  const { hops, maxHops } = refused.error.lineage;
  const problem = {
    type: `urn:throughline:refused:${refused.refused}`,
    title: isLate ? 'Gateway Timeout' : 'Loop Detected',
    status,
    detail: refused.message,
    hops,
    maxHops,
  };
  return { status, contentType: 'application/problem+json', body: JSON.stringify(problem) };
}
