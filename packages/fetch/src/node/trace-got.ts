import { context as contextApi, createContextKey, SpanKind } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import {
  hopSettings,
  httpHeaders,
  layered,
  markWrapped,
  outboundFields,
  warnIfRewrapped,
  wrapped,
  writeRecord,
} from '@throughline/core/adapter';
import type { HopSettings } from '@throughline/core/adapter';
import { urlRedaction } from '@throughline/core/http';
import type { HttpOptions } from '@throughline/core/http';
import { scope, targetOf } from '../http-client-span.ts';
import { tracedRequest } from './traced-request.ts';
import type { Requesting, RequestFunction } from './traced-request.ts';

/** An instance of got. */
export interface GotLike {
  extend(...args: never[]): unknown;
}

/** The options of one call, as got hands them to a hook: the same object for each of its attempts. */
interface GotOptions {
  request: RequestFunction | undefined;
  getRequestFunction(): RequestFunction;
  /** Up to got 15: from 16 on, `getRequestFunction` does that by itself. */
  getFallbackRequestFunction?(): RequestFunction;
  readonly http2?: boolean;
  readonly h2session?: unknown;
  readonly url?: unknown;
  readonly headers: Record<string, unknown>;
}

// What a call of got has sent so far, by retries and redirects.
const callKey = createContextKey('throughline.got');

/**
 * Returns an instance of got, extended so that it sends trace context and makes a CLIENT span of each request, which ends when
 * the response's headers are there. Redirects and retries are spans of their own beside each other, with `http.request.resend_count`. Streams,
 * hooks and instances that are extended from it are traced too; the one that is handed in stays as it is. A call past a limit of its
 * chain, under `lineage: { mode: 'enforce' }`, is rejected with a `RequestError` whose `cause` is a `LineageError`. A call that is
 * cancelled or aborted is no error. Throws a `ThroughlineError` for a wrong option.
 *
 * Span name and attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
 *
 * @example
 * ```ts
 * const client = traceGot(got);
 * const plan = await client.post('http://planner.internal/plan', { json: question }).json();
 * ```
 */
export function traceGot<G extends GotLike>(got: G, options?: HttpOptions): G {
  const settings = hopSettings(options, scope, ['redactQueryKeys']);
  const redact = urlRedaction(options?.redactQueryKeys);
  if (typeof got !== 'function' || typeof (got as GotLike).extend !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "traceGot(got, options) takes got, or an instance that `got.extend` returned: traceGot(got), after `import got from 'got'`.",
    );
  }
  if (wrapped(got)) {
    warnIfRewrapped(got, settings);
    return got;
  }
  const how: Requesting = {
    settings,
    redact,
    resends: () => {
      const call = contextApi.active().getValue(callKey) as { sent: number } | undefined;
      return call === undefined ? 0 : call.sent++;
    },
    // got makes of it what it makes of all that a request function throws.
    refused: ({ error }) => {
      throw error;
    },
  };
  const { defaults, extend } = got as unknown as {
    defaults?: { mutableDefaults?: boolean };
    extend(options: object): G;
  };
  const extended = extend({
    mutableDefaults: defaults?.mutableDefaults,
    handlers: [
      (asked: unknown, next: (asked: unknown) => unknown): unknown =>
        contextApi.with(layered(contextApi.active()).setValue(callKey, { sent: 0 }), next, undefined, asked),
    ],
    hooks: { beforeRequest: [(asked: GotOptions): void => trace(asked, how)] },
  });
  return markWrapped(extended, settings);
}

/** The request functions that the hook has set, and what was there before: it meets its own in the next attempt. */
const originals = new WeakMap<RequestFunction, RequestFunction | undefined>();

function trace(asked: GotOptions, how: Requesting): void {
  if (isHttp2(asked)) return inject(asked, how.settings);
  const held = asked.request;
  const original = held !== undefined && originals.has(held) ? originals.get(held) : held;
  // A redirect may have led from http to https: which function it is, got says anew.
  asked.request = original;
  const request = asked.getRequestFunction();
  const traced: RequestFunction = (...args) => tracedRequest(orFallback(request, asked), undefined, args, 'http:', how);
  originals.set(traced, original);
  asked.request = traced;
}

// A request function of the user's may leave a request to got, by `undefined`: got would then send it past ours.
function orFallback(request: RequestFunction, asked: GotOptions): RequestFunction {
  return (...args) => {
    const otherwise = (result: unknown): unknown =>
      result === undefined ? asked.getFallbackRequestFunction?.()(...args) : result;
    const result = request(...args);
    return result instanceof Promise ? result.then(otherwise) : otherwise(result);
  };
}

function isHttp2({ http2, h2session, url }: GotOptions): boolean {
  return h2session !== undefined || (http2 === true && (url as URL | undefined)?.protocol === 'https:');
}

// got does not let a request function of another's take part in its HTTP/2: the chain goes on without a span. Its options are the
// hook's to change, and those of the next attempt.
function inject({ headers, url }: GotOptions, settings: HopSettings): void {
  const target = targetOf(url instanceof URL ? url : undefined);
  const hop = { transport: 'http', name: 'HTTP', kind: SpanKind.CLIENT, target, carrier: headers, reader: httpHeaders };
  const written = writeRecord(headers, outboundFields(hop, settings), 'http');
  for (const name of Object.keys(headers)) if (!(name in written)) delete headers[name];
  Object.assign(headers, written);
}
