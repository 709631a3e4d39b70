import type { IncomingMessage } from 'node:http';
import { matchedPath } from './layer.ts';
import type { PathPattern } from './layer.ts';
import { chainsTo, mountPatterns } from './mounts.ts';
import { applicationOf } from './request.ts';
import type { RequestLike } from './request.ts';
import { hopOf } from './request-hop.ts';
import type { RequestHop } from './request-hop.ts';

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
  hop.baseUrl = req.baseUrl ?? '';
  hop.url = req.url ?? '/';
  hop.app = applicationOf(req);
}

/**
 * Returns the pattern of the route that the request entered last: that of its mounts and its own. It never holds text of the
 * request; a segment whose pattern cannot be known is left out.
 */
export function routePattern(hop: RequestHop): string | undefined {
  const { route } = hop;
  if (typeof route !== 'object' || route === null) return undefined;
  const path = ownPath(route, (route as { path?: unknown }).path, hop);
  if (path === undefined) return undefined;
  const mounts = mountPatterns(hop.baseUrl, route, hop.app);
  if (mounts === '') return path;
  return path === '/' ? mounts : mounts + (path.startsWith('/') ? path : `/${path}`);
}

function ownPath(route: object, path: unknown, hop: RequestHop): string | undefined {
  if (typeof path === 'string') return path;
  if (path instanceof RegExp) return String(path);
  if (!Array.isArray(path)) return undefined;
  const paths = path.flat(Infinity) as PathPattern[];
  const query = hop.url.indexOf('?');
  const pathname = query === -1 ? hop.url : hop.url.slice(0, query);
  for (const { layer } of chainsTo(route, hop.app)) {
    const matched = matchedPath(layer, paths, pathname);
    if (matched !== undefined) return String(matched);
  }
  return paths.join(',');
}
