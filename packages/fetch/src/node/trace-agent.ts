import { context as contextApi, trace } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import {
  carriedContext,
  hopSettings,
  httpHeaders,
  replacing,
  startOutbound,
  viewOf,
  warnIfRewrapped,
  warnOnce,
  wrapped,
} from '@throughline/core/adapter';
import { urlRedaction } from '@throughline/core/http';
import type { HttpOptions } from '@throughline/core/http';
import { scope } from '../http-client-span.ts';
import { emitIn, followRequest } from './client-request.ts';
import type { RequestLike } from './client-request.ts';
import { httpCall } from './http-call.ts';
import { LentContext } from './lent-context.ts';
import { hopOf } from './traced-request.ts';

/** An `http.Agent` or `https.Agent`, or another object that gives requests their sockets. */
export interface AgentLike {
  destroy(...args: never[]): unknown;
}

/** A `ClientRequest`, as an agent gets it. */
interface AgentRequest extends RequestLike {
  readonly method: string;
  readonly path: string;
  readonly headersSent: boolean;
  readonly destroyed?: boolean;
  getHeaders(): Record<string, unknown>;
  removeHeader(name: string): void;
  setHeader(name: string, value: unknown): void;
  onSocket(socket: null, error: unknown): void;
}

/**
 * Returns an agent of the same type: each request that is made with it sends trace context and has a CLIENT span, which ends when the
 * response's headers are there. For clients that take an agent and nothing else. Each redirect and each retry is a span of its own. A
 * request whose headers are on their way by then, because they are a list or hold `expect`, goes out untraced, which is told once. A
 * request that is traced already, by {@link traceHttp} or an instrumentation, is left alone. One past a limit of its chain, under
 * `lineage: { mode: 'enforce' }`, emits a `LineageError`. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const agent = traceAgent(new http.Agent({ keepAlive: true }));
 * ```
 */
export function traceAgent<A extends AgentLike>(agent: A, options?: HttpOptions): A {
  const settings = hopSettings(options, scope, ['redactQueryKeys']);
  const how = { settings, redact: urlRedaction(options?.redactQueryKeys) };
  const target = agent as unknown as { addRequest(...args: unknown[]): unknown; protocol?: unknown };
  if (typeof agent !== 'object' || agent === null || typeof target.addRequest !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      'traceAgent(agent, options) takes an agent of `node:http` or `node:https`: traceAgent(new http.Agent({ keepAlive: true })).',
    );
  }
  if (wrapped(agent)) {
    warnIfRewrapped(agent, settings);
    return agent;
  }
  const addRequest = (asked: unknown, given: unknown, ...rest: unknown[]): unknown => {
    const request = asked as AgentRequest;
    const pass = (): unknown => target.addRequest(request, given, ...rest);
    const call = callOf(request, given, target.protocol === 'https:' ? 'https:' : 'http:');
    // By a signal that was aborted before, which is not among the options: it goes to nobody.
    if (call === undefined || request.destroyed === true) return pass();
    const caller = contextApi.active();
    if (isTraced(call.carrier)) return pass();
    if (request.headersSent) {
      warnOnce(
        'agent-late',
        'traceAgent() cannot add headers to a request whose headers are a list or hold `expect`: it goes out untraced. Use traceHttp() there.',
      );
      return pass();
    }
    const sending = startOutbound(hopOf(call, how, 0), settings);
    if (sending.refused !== undefined) {
      sending.end();
      emitIn(new LentContext(caller, caller), request);
      return request.onSocket(null, sending.error);
    }
    const lent = new LentContext(sending.inner, caller);
    try {
      write(request, call.carrier as Record<string, unknown>, call.headers(sending) as Record<string, unknown>);
      followRequest(request, sending, lent, undefined);
      return contextApi.with(lent, pass);
    } catch (error) {
      sending.end({ failed: true, error });
      throw error;
    } finally {
      lent.giveBack();
    }
  };
  return viewOf(agent, replacing({ addRequest }), settings, ['addRequest']);
}

function callOf(request: AgentRequest, given: unknown, protocol: string): ReturnType<typeof httpCall> {
  try {
    const { method, path } = request;
    return httpCall([{ ...Object(given), method, path, headers: request.getHeaders() }], protocol);
  } catch {
    // No request of Node's.
    return undefined;
  }
}

// Whoever has written the active span into it made that span for this request.
function isTraced(headers: unknown): boolean {
  const carried = carriedContext(headers, httpHeaders);
  return carried !== undefined && carried.spanId === trace.getSpanContext(contextApi.active())?.spanId;
}

function write(request: AgentRequest, before: Record<string, unknown>, after: Record<string, unknown>): void {
  for (const name of Object.keys(before)) if (!(name in after)) request.removeHeader(name);
  for (const [name, value] of Object.entries(after)) if (before[name] !== value) request.setHeader(name, value);
}
