import { ThroughlineError } from '@throughline/core';
import { hopSettings, markWrapped, replacing, viewOf, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import { urlRedaction } from '@throughline/core/http';
import type { HttpOptions } from '@throughline/core/http';
import { scope } from '../http-client-span.ts';
import { refusedRequest } from './refused-request.ts';
import { tracedRequest } from './traced-request.ts';
import type { Requesting, RequestFunction } from './traced-request.ts';

/** `node:http`, `node:https`, or what else has their `request`. */
export interface HttpLike {
  request(...args: never[]): unknown;
}

/**
 * Returns a module of the same type whose `request` and `get` send trace context and make a CLIENT span of each request, which ends
 * when the response's headers are there. Takes every signature of theirs, headers as a record or a list; the module, what the caller
 * hands in, and everything else in the module stay as they are. Listeners and callbacks run in the caller's context. A request
 * that its caller destroys or aborts is no error. One past a limit of its chain, under `lineage: { mode: 'enforce' }`, emits a
 * `LineageError`; a deadline of the chain destroys it. CONNECT is not traced. Throws a `ThroughlineError` for a wrong option.
 *
 * Span name and attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
 *
 * @example
 * ```ts
 * const { get } = traceHttp(http);
 * get('http://planner.internal/plan', (response) => response.resume());
 * ```
 */
export function traceHttp<M extends HttpLike>(module: M, options?: HttpOptions): M {
  const settings = hopSettings(options, scope, ['redactQueryKeys']);
  const redact = urlRedaction(options?.redactQueryKeys);
  const isObject = (typeof module === 'object' && module !== null) || typeof module === 'function';
  if (!isObject || typeof module.request !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "traceHttp(module, options) takes `node:http`, `node:https`, or an object with their `request`: traceHttp(http), after `import http from 'node:http'`.",
    );
  }
  if (wrapped(module)) {
    warnIfRewrapped(module, settings);
    return module;
  }
  const target = module as unknown as { request: RequestFunction; globalAgent?: { protocol?: unknown } };
  const how: Requesting = {
    settings,
    redact,
    refused: ({ error }, call, caller) => refusedRequest(error, call, caller),
  };
  // Looked up at each call, so that a patch which comes later counts.
  const request = (...args: unknown[]): unknown =>
    tracedRequest(target.request, target, args, protocolOf(target.globalAgent), how);
  const get = (...args: unknown[]): unknown => {
    const asked = request(...args);
    (asked as { end(): unknown }).end();
    return asked;
  };
  const members = { request, ...('get' in target ? { get } : undefined) };
  const prototype: unknown = Object.getPrototypeOf(module);
  if (prototype !== Object.prototype && prototype !== null) {
    return viewOf(module, replacing(members), settings, Object.keys(members));
  }
  // An heir, not a copy: modules have getters that load what they return.
  return markWrapped(Object.create(module, Object.getOwnPropertyDescriptors(members)) as M, settings);
}

function protocolOf(agent: { protocol?: unknown } | undefined): string {
  return agent?.protocol === 'https:' ? 'https:' : 'http:';
}
