import type { IncomingMessage } from 'node:http';
import { trace } from '@opentelemetry/api';
import { httpRequestSpan, warnOnce } from '@throughline/core/adapter';
import { matchedPath } from './layer.ts';
import type { PathPattern } from './layer.ts';
import { chainsTo, isAmongHandlers, isMounted, mountPatterns } from './mounts.ts';
import { applicationOf } from './request.ts';
import type { RequestLike } from './request.ts';
import { hopOf } from './request-hop.ts';
import type { Entry, RequestHop } from './request-hop.ts';

// Shared by all requests: `this` is the request.
const observed: PropertyDescriptor & ThisType<RequestLike> = {
  configurable: true,
  enumerable: true,
  get() {
    return hopOf(this)?.route;
  },
  set(route: unknown) {
    const hop = hopOf(this);
    if (hop !== undefined) enter(hop, this, route);
  },
};

/**
 * Keeps where the request stands whenever a router sets `req.route`, which it does as a route is entered. Later is too late:
 * `baseUrl` and the application are put back on the way out, also on the way to an error handler.
 */
export function observeRoute(req: IncomingMessage, hop: RequestHop): void {
  // Middleware of a route itself: it is entered already.
  const { route } = req as { route?: unknown };
  if (route !== undefined) enter(hop, req, route);
  Object.defineProperty(req, 'route', observed);
}

function enter(hop: RequestHop, req: RequestLike, route: unknown): void {
  hop.route = route;
  if (hop.keptOut !== undefined && trace.getActiveSpan()?.spanContext().traceId === hop.keptOut) {
    warnOnce(
      'express-captured',
      "an instrumentation runs handlers in a context that it kept from before `traceContext()`, so they work in the caller's trace, which the `inbound` policy restarts. Update @opentelemetry/instrumentation-express to 0.62 and -router to 0.63 (auto-instrumentations-node 0.77) or later, or turn them off.",
    );
  }
  // Whatever comes after the answer gave none.
  if (hop.response.headersSent || typeof route !== 'object' || route === null) return;
  const last = hop.entry;
  const next = nextOf(req);
  // The router sets it, then the route itself; in between, instrumentation-express says what it calls the route.
  if (last?.route === route && last.next === next) {
    last.theirs = theirs(hop);
    return;
  }
  const baseUrl = req.baseUrl ?? '';
  const app = applicationOf(req);
  const around =
    last === undefined || isMounted(baseUrl, route, app) ? undefined : routeAround(last, route, baseUrl, next);
  hop.entry = { route, baseUrl, url: req.url ?? '/', app, next, around, theirs: theirs(hop) };
}

/** Returns the route that has a route without a mount among its handlers, as far as `last`, entered before it, tells. */
function routeAround(last: Entry, route: object, baseUrl: string, next: unknown): Entry | undefined {
  // Next to the last one in the same router, or further inside.
  if (last.around !== undefined || last.next === next) return last.around;
  // A function of the user's may hide the router that it calls: then the place has to tell.
  return last.baseUrl === baseUrl || isAmongHandlers(route, last.route) ? last : undefined;
}

function nextOf(req: RequestLike): unknown {
  return (req as { next?: unknown }).next;
}

function theirs(hop: RequestHop): string | undefined {
  return hop.received.joined ? httpRequestSpan(hop.context)?.route : undefined;
}

/**
 * Returns the pattern of the route that answered: the one that was entered last before the answer began, and whose router has not
 * been left since, where that router only guards another route. The pattern is that of its mounts and its own. It never
 * holds text of the request; a segment whose pattern cannot be known is left out, unless instrumentation-express knows it.
 */
export function routePattern(hop: RequestHop, req: RequestLike): string | undefined {
  let { entry } = hop;
  if (entry?.around !== undefined && entry.next !== nextOf(req)) entry = entry.around;
  if (entry === undefined) return undefined;
  const path = ownPath(entry);
  if (path === undefined) return undefined;
  const mounts = mountPatterns(entry.baseUrl, entry.route, entry.app);
  if (!mounts.whole && entry.theirs !== undefined) return entry.theirs;
  if (mounts.text === '') return path;
  return path === '/' ? mounts.text : mounts.text + (path.startsWith('/') ? path : `/${path}`);
}

function ownPath({ route, url, app }: Entry): string | undefined {
  const { path } = route as { path?: unknown };
  if (typeof path === 'string') return path;
  if (path instanceof RegExp) return String(path);
  if (!Array.isArray(path)) return undefined;
  const paths = path.flat(Infinity) as PathPattern[];
  const query = url.indexOf('?');
  const pathname = query === -1 ? url : url.slice(0, query);
  for (const { layer } of chainsTo(route, app)) {
    const matched = matchedPath(layer, paths, pathname);
    if (matched !== undefined) return String(matched);
  }
  return paths.join(',');
}
