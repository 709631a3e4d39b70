import { context as contextApi, SpanKind } from '@opentelemetry/api';
import { hopSettings, httpHeaders, startOutbound } from '@throughline/core/adapter';
import type { Refused } from '@throughline/core';
import type { HopSettings, Outcome, Sending } from '@throughline/core/adapter';
import { serverAttributes, urlRedaction } from '@throughline/core/http';
import type { HttpOptions, UrlRedaction } from '@throughline/core/http';
import { stringify } from 'node:querystring';
import { tracedHandler } from './dispatch-handler.ts';
import { dispatchHeaders } from './dispatch-headers.ts';
import { clientAttributes, failureOutcome, scope, spanName, targetOf } from './http-client-span.ts';
import { guardRedirects } from './redirects.ts';
import { resend } from './resend.ts';

/** `dispatch` of an undici dispatcher. */
export type DispatchLike = (options: never, handler: never) => boolean;

/** Options of {@link traceInterceptor}. */
export interface InterceptorOptions extends HttpOptions {
  /** Where a call goes that does not say it itself: those of an undici `Client` or `Pool`, made for one origin. */
  readonly origin?: string | URL | undefined;
}

/** The options of a dispatch, as far as a hop reads them. */
interface Dispatch {
  readonly origin?: unknown;
  readonly path?: unknown;
  readonly method?: unknown;
  readonly headers?: unknown;
  readonly query?: unknown;
}

/**
 * Returns an interceptor for `dispatcher.compose(…)` that sends trace context with every dispatch and makes a CLIENT span of
 * it, which ends when the response's headers are there. Composed before a `retry` or `redirect` interceptor it makes a span
 * of each attempt, which counts those before it; after it, one of all. Options and headers of the caller are copied. Throws a
 * `ThroughlineError` for a wrong option.
 *
 * Span name and attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
 *
 * @example
 * ```ts
 * const agent = new Agent().compose(traceInterceptor());
 * const { body } = await request('http://planner.internal/plan', { dispatcher: agent });
 * ```
 */
export function traceInterceptor(options?: InterceptorOptions): <D extends DispatchLike>(dispatch: D) => D {
  const settings = hopSettings(options, scope, ['origin', 'redactQueryKeys']);
  const redact = urlRedaction(options?.redactQueryKeys);
  const servers = serverLookup(options?.origin);

  return <D extends DispatchLike>(dispatch: D): D => {
    const inner = dispatch as unknown as (options: unknown, handler: unknown) => boolean;
    // Two parameters, which undici checks.
    function traced(asked: unknown, handler: unknown): boolean {
      // A CONNECT opens a tunnel; the hop is the call that goes through it. What is no dispatch at all, undici reports.
      if (!isObject(asked) || !isObject(handler) || asked['method'] === 'CONNECT') return inner(asked, handler);
      const caller = contextApi.active();
      const headers = dispatchHeaders(asked['headers']);
      const { resends, callbacks } = resend(handler, caller);
      const sending = startDispatch(asked, resends, servers(asked['origin']), headers.carrier, settings, redact);
      if (sending.refused !== undefined) {
        sending.end();
        // undici gives what a dispatch throws to whoever asked.
        throw sending.error;
      }
      const guard = guardRedirects(sending, settings);
      const ended = (outcome: Outcome): void => {
        guard?.end();
        sending.end(outcome);
      };
      const writes = sending.mode !== 'keep' || Object.keys(sending.fields).length > 0;
      const copy = { ...asked, headers: writes ? headers.write(sending) : headers.unchanged };
      try {
        return contextApi.with(
          sending.inner,
          inner,
          undefined,
          copy,
          tracedHandler(handler, sending, callbacks, asked['signal'], ended),
        );
      } catch (error) {
        ended(failureOutcome(error));
        throw error;
      }
    }
    return traced as unknown as D;
  };
}

function startDispatch(
  asked: Dispatch,
  resends: number,
  server: URL | undefined,
  carrier: unknown,
  settings: HopSettings,
  redact: UrlRedaction,
): Sending | Refused {
  const method = typeof asked.method === 'string' ? asked.method : 'GET';
  const path = typeof asked.path === 'string' ? asked.path : '/';
  return startOutbound(
    {
      transport: 'http',
      name: spanName(method),
      kind: SpanKind.CLIENT,
      attributes: settings.spans
        ? clientAttributes(
            method,
            server && serverAttributes(server),
            fullOf(server, path, asked.query, redact),
            resends,
          )
        : undefined,
      target: targetOf(server, path),
      carrier,
      reader: httpHeaders,
    },
    settings,
  );
}

// The path is what goes on the wire, and is joined as it is: resolved against the origin, `//host/` would name another server.
function fullOf(server: URL | undefined, path: string, query: unknown, redact: UrlRedaction): string | undefined {
  if (server === undefined || !path.startsWith('/')) return undefined;
  const search = isObject(query) ? stringify(query as Record<string, string>) : '';
  return server.origin + redact(search === '' ? path : `${path}?${search}`);
}

/** Returns the lookup of the server that an origin names, which parses an origin again only when it changes. */
function serverLookup(fallback: string | URL | undefined): (origin: unknown) => URL | undefined {
  const always = fallback === undefined ? undefined : parse(fallback);
  let last: unknown;
  let server: URL | undefined;
  return (origin) => {
    if (origin === undefined || origin === null) return always;
    if (origin instanceof URL) return origin;
    if (origin !== last) {
      last = origin;
      server = parse(origin);
    }
    return server;
  };
}

function parse(origin: unknown): URL | undefined {
  try {
    return new URL(String(origin));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
