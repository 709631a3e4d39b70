import { context as contextApi } from '@opentelemetry/api';
import { markWrapped, optionError, warnIfRewrapped, wrapBrand, wrapped } from '@throughline/core/adapter';
import { isIgnored, refuseRequest, urlRedaction } from '@throughline/core/http';
import type { Refused } from '@throughline/core';
import { followAnswer, followAnswerLater, isResponse } from './answer.ts';
import { webSettings } from './options.ts';
import type { WebOptions } from './options.ts';
import { answerHeaders, endHop, failHop, hopOf, openHop } from './request-hop.ts';
import type { RequestHop } from './request-hop.ts';

/**
 * A function that answers a `Request`, as Hono's `app.fetch`, a route handler of Next.js, or what `Bun.serve` and `Deno.serve` take. As a
 * method's type, it also takes one whose parameters are narrower.
 */
export type WebHandler = {
  handle(request: Request, ...rest: unknown[]): Response | undefined | Promise<Response | undefined>;
}['handle'];

type Handle = (this: unknown, request: unknown, ...rest: unknown[]) => unknown;

/**
 * Returns a handler of the same type that continues the caller's trace, under the `inbound` policy, in a SERVER span of the stable
 * HTTP conventions, and runs `handler` in that span's context. The span ends when the body of the answer has been read to its end, or with
 * `throughline.aborted` when whoever asked goes away before. A request past a limit of its chain, under `lineage: { mode: 'enforce' }`, is
 * answered with 508, or 504 past the deadline. Where instrumentation-http has opened the request's span, that span is used. What
 * `handler` throws comes out as the same object. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * export const POST = traceHandler(async (request) => Response.json(await plan(request)), { route: () => '/api/plan' });
 * ```
 */
export function traceHandler<H extends WebHandler>(handler: H, options?: WebOptions): H {
  const settings = webSettings(options);
  if (typeof handler !== 'function') {
    throw optionError('handler', 'a function of the request, such as `app.fetch` of Hono', handler);
  }
  if (wrapped(handler)) {
    warnIfRewrapped(handler, settings);
    return handler;
  }
  const { ignore, route, serverTiming = false } = options ?? {};
  const redact = urlRedaction(options?.redactQueryKeys);
  const inner = handler as unknown as Handle;
  const isAsync = Object.prototype.toString.call(handler) === '[object AsyncFunction]';

  function traced(this: unknown, given: unknown, ...rest: unknown[]): unknown {
    const pass = (): unknown => Reflect.apply(inner, this, [given, ...rest]);
    if (!isRequest(given) || isIgnored(ignore, given)) return pass();
    const request = given;
    const beside = rest[0];
    const first = hopOf(request, beside);
    if (first !== undefined) {
      warnIfRewrapped({ [wrapBrand]: first.options }, settings);
      return pass();
    }
    const hop = openHop({
      request,
      beside,
      settings,
      redact,
      route: route === undefined ? undefined : () => route(request),
      asked: request,
    });
    if (isRefused(hop)) return isAsync ? Promise.resolve(refusal(hop)) : refusal(hop);
    let answer: unknown;
    try {
      answer = contextApi.with(hop.context, pass);
    } catch (error) {
      failHop(hop, error);
      throw error;
    }
    const headers = answerHeaders(hop, serverTiming, settings);
    if (!isThenable(answer)) return isResponse(answer) ? followAnswer(hop, answer, headers) : ended(hop, answer);
    return answer.then(
      (settled) => (isResponse(settled) ? followAnswerLater(hop, settled, headers) : ended(hop, settled)),
      (error: unknown) => {
        failHop(hop, error);
        throw error;
      },
    );
  }

  return markWrapped(Object.assign(traced, handler), settings);
}

/** Returns whether the hop of a request was refused. */
export function isRefused(hop: RequestHop | Refused): hop is Refused {
  return 'refused' in hop;
}

/** Returns the answer to a request that is past a limit of its chain, and ends its hop. */
export function refusal(refused: Refused): Response {
  const { status, contentType, body } = refuseRequest(refused);
  return new Response(body, { status, headers: { 'Content-Type': contentType } });
}

// No answer, as where Bun's `server.upgrade(request)` has taken the connection.
function ended<T>(hop: RequestHop, answer: T): T {
  endHop(hop);
  return answer;
}

function isRequest(thing: unknown): thing is Request {
  if (typeof thing !== 'object' || thing === null) return false;
  const { method, url, headers } = thing as Partial<Request>;
  return typeof method === 'string' && typeof url === 'string' && typeof headers?.get === 'function';
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
