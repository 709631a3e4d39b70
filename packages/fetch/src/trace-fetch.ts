import { context as contextApi, SpanKind } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import {
  answerField,
  checkBoolean,
  hopSettings,
  isTracingSuppressed,
  markWrapped,
  runOutbound,
  warnIfRewrapped,
  wrapped,
} from '@throughline/core/adapter';
import type { HopSettings, OutboundHop, Outcome, Sending } from '@throughline/core/adapter';
import { serverAttributes, urlRedaction } from '@throughline/core/http';
import type { HttpOptions, UrlRedaction } from '@throughline/core/http';
import { fetchCall } from './fetch-call.ts';
import type { FetchCall } from './fetch-call.ts';
import { clientAttributes, failureOutcome, scope, spanName, statusOutcome, targetOf } from './http-client-span.ts';
import { guardRedirects, tellRedirect } from './redirects.ts';
import type { RedirectGuard } from './redirects.ts';
import { requestHeaders, writeRequestHeaders } from './request-headers.ts';
import { oneOfEachField } from './undici-duplicates.ts';

/** A function with the call shape of `fetch`. */
export type FetchLike = (...args: never[]) => unknown;

/** What the compiler says of a function that is no plain fetch. */
export type NoPlainFetch =
  'traceFetch takes a plain fetch. Give the client a traced fetch instead: ky.create({ fetch: traceFetch() })';

/**
 * `F` where it is a plain fetch, else the hint {@link NoPlainFetch}. A plain fetch returns a promise that has no members of its own,
 * and has no request methods beside it: those would go untraced.
 */
export type PlainFetch<F> = IsPlain<F> extends true ? F : NoPlainFetch;

type IsPlain<F> = F extends RequestMethods ? false : F extends (...args: never[]) => infer R ? IsPlainResult<R> : true;

type RequestMethods = { get: RequestMethod } | { request: RequestMethod } | { raw: RequestMethod };

type RequestMethod = (...args: never[]) => { then: unknown };

// Tuples, so that a union is judged as a whole.
type IsPlainResult<R> = [R] extends [{ then: unknown }] ? ([Promise<Awaited<R>>] extends [R] ? true : false) : true;

/** Options of {@link traceFetch}. */
export interface FetchOptions extends HttpOptions {
  /**
   * Whether the wrapped fetch runs under suppressed tracing, so that another instrumentation of it adds no second span and no
   * second header. Default: `true` for the global fetch, `false` for a fetch of your own, whose own hops would fall silent.
   */
  readonly suppressInner?: boolean | undefined;
}

type Call = (input: unknown, init?: unknown, ...rest: unknown[]) => unknown;

/**
 * Returns a function of the same type that sends trace context with every call and makes a CLIENT span of it, which ends when
 * the response's headers are there. Wraps the global fetch by default, looked up at each call. What the caller hands in is
 * never changed, and an error comes out as the same object. A call past a limit of its chain, under `lineage: { mode: 'enforce' }`,
 * is rejected with a `LineageError`; a deadline of the chain aborts it. A call that its caller aborts is no error. Does not compile
 * for what is no plain fetch, such as ky. Throws a `ThroughlineError` for a wrong option.
 *
 * Span name and attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
 *
 * @example
 * ```ts
 * const fetch = traceFetch();
 * const response = await fetch('http://planner.internal/plan', { method: 'POST', body: question });
 * ```
 */
export function traceFetch(fetch?: undefined, options?: FetchOptions): typeof globalThis.fetch;
export function traceFetch<F extends FetchLike>(fetch: (F & PlainFetch<F>) | undefined, options?: FetchOptions): F;
export function traceFetch(fetch?: FetchLike, options?: FetchOptions): FetchLike {
  const settings = hopSettings(options, scope, ['suppressInner', 'redactQueryKeys']);
  checkBoolean('suppressInner', options?.suppressInner);
  const redact = urlRedaction(options?.redactQueryKeys);
  if (fetch !== undefined && typeof fetch !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      'traceFetch(fetch, options) takes a function as `fetch`; pass undefined for the global one.',
    );
  }
  if (fetch !== undefined && wrapped(fetch)) {
    warnIfRewrapped(fetch, settings);
    return fetch;
  }
  const first = (fetch ?? globalThis.fetch) as Call | undefined;
  const isGlobal = first === (globalThis.fetch as Call | undefined);
  const suppressInner = options?.suppressInner ?? isGlobal;
  // Set while the global fetch starts: a patch of it may call this wrapper, which must then not call the patch.
  let entered = false;

  function traced(this: unknown, input: unknown, init?: unknown, ...rest: unknown[]): unknown {
    if (fetch !== undefined) return call(first as Call, isGlobal ? undefined : this, input, init, rest);
    const latest = globalThis.fetch as unknown as Call;
    if (latest === traced || entered || isTracingSuppressed(contextApi.active())) {
      return call(first as Call, undefined, input, init, rest);
    }
    // Somebody else's traceFetch() has become the global fetch.
    if (wrapped(latest)) return latest(input, init, ...rest);
    entered = true;
    try {
      return call(latest, undefined, input, init, rest);
    } finally {
      entered = false;
    }
  }

  function call(target: Call, self: unknown, input: unknown, init: unknown, rest: unknown[]): unknown {
    let asked: FetchCall;
    try {
      asked = fetchCall(input, init);
    } catch {
      // What cannot be read, fetch itself reports.
      return Reflect.apply(target, self, [input, init, ...rest]);
    }
    // `data:` and `blob:` reach nobody, and would be attributes of any size.
    const { url } = asked;
    if (url !== undefined && url.protocol !== 'http:' && url.protocol !== 'https:') {
      return Reflect.apply(target, self, [input, asked.unchanged, ...rest]);
    }
    let guard: RedirectGuard | undefined;
    return runOutbound<unknown>(hopOf(asked, settings, redact), settings, {
      call: (sending) => {
        guard = guardRedirects(sending, settings);
        const copy = initOf(asked, init, sending, suppressInner);
        return contextApi.with(suppressInner ? sending.inner : sending.wire, target, self, input, copy, ...rest);
      },
      outcome: (response, sending) => {
        guard?.end();
        if (guard?.sees === false) tellRedirect(response, url, sending);
        sending.answered(answerOf(response));
        return responseOutcome(response);
      },
      failure: (error) => {
        guard?.end();
        return failureOutcome(error, asked.signal);
      },
      refused: ({ error }) => Promise.reject(error),
    });
  }

  return markWrapped(Object.assign(traced, first), settings);
}

/** Returns the `init` of a call with the fields of its hop. */
function initOf(asked: FetchCall, init: unknown, sending: Sending, suppressInner: boolean): unknown {
  const { signal } = sending;
  try {
    const writes = signal !== undefined || sending.mode !== 'keep' || Object.keys(sending.fields).length > 0;
    if (!writes) return asked.unchanged;
    const headers = writeRequestHeaders(asked.headers, sending);
    if (!suppressInner) oneOfEachField(headers);
    return asked.init(headers, signal);
  } catch {
    // A getter of `init` threw; fetch meets the same one.
    return init;
  }
}

function hopOf({ method, url, headers }: FetchCall, { spans }: HopSettings, redact: UrlRedaction): OutboundHop {
  return {
    transport: 'http',
    name: spanName(method),
    kind: SpanKind.CLIENT,
    attributes: spans ? clientAttributes(method, url && serverAttributes(url), url && redact(url.href)) : undefined,
    target: targetOf(url),
    carrier: headers,
    reader: requestHeaders,
  };
}

// An answer that a redirect led to is that of another server than the one that was called.
function answerOf(response: unknown): unknown {
  try {
    const { headers, redirected } = response as Response;
    return redirected ? undefined : headers.get(answerField);
  } catch {
    return undefined;
  }
}

// A fetch of the user's may resolve to anything.
function responseOutcome(response: unknown): Outcome | undefined {
  try {
    const status = (response as { status?: unknown } | null | undefined)?.status;
    return typeof status === 'number' ? statusOutcome(status) : undefined;
  } catch {
    return undefined;
  }
}
