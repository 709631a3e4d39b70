import { context as contextApi } from '@opentelemetry/api';
import { ThroughlineError, warnIfRewrapped, wrapBrand } from '@throughline/core/adapter';
import { isIgnored, urlRedaction } from '@throughline/core/http';
import type { HttpServerOptions } from '@throughline/core/http';
import { followAnswerLater } from '../answer.ts';
import { matchedRoute, withinMount } from './route.ts';
import type { HonoRequestLike } from './route.ts';
import { webSettings } from '../options.ts';
import { answerHeaders, failHop, hopOf, openHop } from '../request-hop.ts';
import type { RequestHop } from '../request-hop.ts';
import { isRefused, refusal } from '../trace-handler.ts';

/** What is read of Hono's context, and the answer that is set on it. Any Hono `Context` is one. */
export interface HonoContextLike {
  readonly req: HonoRequestLike;
  readonly env: unknown;
  readonly error: Error | undefined;
  readonly finalized: boolean;
  get res(): Response;
  set res(response: Response | undefined);
}

/** Middleware of Hono 4. */
export type HonoMiddleware = (c: HonoContextLike, next: () => Promise<void>) => Promise<Response | undefined>;

/** The options of every adapter, and those of HTTP servers: the functions are given Hono's context. */
export type HonoOptions = HttpServerOptions<HonoContextLike>;

/**
 * Returns middleware that continues the caller's trace, under the `inbound` policy, in a SERVER span that is named by the route's
 * pattern, and runs what comes after it in that span's context. Put it first. It ends as the span of `traceHandler` does; an error
 * that `onError` has answered with a 5xx is recorded. Inside `traceHandler(app.fetch)`, or below an instrumentation of Node's HTTP
 * server, it opens no second span and tells that one the route. Throws a `ThroughlineError` for a wrong option, and where the call is
 * missing: `app.use(traceContext)`.
 *
 * @example
 * ```ts
 * const app = new Hono();
 * app.use(traceContext({ agent: 'planner' }));
 * ```
 */
export function traceContext(options?: HonoOptions, ...nothing: never[]): HonoMiddleware {
  if (nothing.length > 0) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceContext` returns middleware, and was given a context as if it were some. Call it: `app.use(traceContext())`.',
    );
  }
  const settings = webSettings(options);
  const { ignore, route, serverTiming = false } = options ?? {};
  const redact = urlRedaction(options?.redactQueryKeys);
  return async (c, next) => {
    if (isIgnored(ignore, c)) {
      await next();
      return undefined;
    }
    const request = c.req.raw;
    const first = hopOf(request, c.env);
    if (first !== undefined) {
      // Without options it is there for the route alone.
      if (options !== undefined) warnIfRewrapped({ [wrapBrand]: first.options }, settings);
      const leave = observe(first, c);
      await next();
      leave();
      // The last, as `recordErrors()` of Express has it: what `onError` of an application below has answered may fail above.
      first.error = c.error ?? first.error;
      return undefined;
    }
    const hop = openHop({
      request,
      beside: c.env,
      settings,
      redact,
      route: route === undefined ? undefined : () => route(c),
      asked: c,
    });
    if (isRefused(hop)) return refusal(hop);
    observe(hop, c);
    try {
      await contextApi.with(hop.context, next);
    } catch (error) {
      failHop(hop, error);
      throw error;
    }
    hop.error = c.error ?? hop.error;
    if (!c.finalized) return undefined;
    const answer = await followAnswerLater(hop, c.res, answerHeaders(hop, serverTiming, settings));
    if (answer !== c.res) {
      // Set over another one, it would get the headers of that a second time.
      c.res = undefined;
      c.res = answer;
    }
    return undefined;
  };
}

/** Lets a hop ask the application which route has answered, whenever it ends. Returns what to call when the application is left. */
function observe(hop: RequestHop, c: HonoContextLike): () => void {
  const { by, matched: above, within } = hop;
  // Twice in one application: it is the same answer.
  if (by === c) return () => {};
  const { req } = c;
  hop.by = c;
  hop.matched = () => withinMount(above?.(), matchedRoute(req));
  hop.within = { request: req.raw, mount: () => matchedRoute(req)?.mount };
  return () => {
    if (!hop.ended) hop.within = within;
  };
}
