/** A route that matched a request, as Hono has it. */
export interface HonoRoute {
  readonly path: string;
  readonly method: string;
  readonly handler: (...args: never[]) => unknown;
}

/** What is read of Hono's request. */
export interface HonoRequestLike {
  readonly raw: Request;
  /** Hono 4 has it throughout, and from 4.8 on also as `matchedRoutes(c)` of `hono/route`. */
  readonly matchedRoutes?: readonly HonoRoute[];
  readonly routeIndex?: number;
}

/** What answered a request. */
export interface Matched {
  /** The whole pattern, with those of `route()` and `basePath()`. */
  readonly pattern: string | undefined;
  /** The part of it that `mount()` has taken off the path. */
  readonly mount: string | undefined;
}

/**
 * Returns the pattern of the route that answered: the one that was entered last. Middleware is none, as in Express: what `use` has put
 * on a path says nothing of what is there. A 404 has no route.
 */
export function matchedRoute({ matchedRoutes, routeIndex }: HonoRequestLike): Matched | undefined {
  const entered = matchedRoutes?.[routeIndex ?? -1];
  if (entered === undefined) return undefined;
  const { path, method } = entered;
  const isWide = path.endsWith('*');
  const isMiddleware = handlerOf(entered).length > 1;
  if (isMiddleware && (method === 'ALL' || isWide)) {
    return { pattern: undefined, mount: isWide ? path.slice(0, path.lastIndexOf('/')) : undefined };
  }
  return { pattern: path, mount: undefined };
}

/** Returns what answered a request that went through one application into another: the path is that of both. */
export function withinMount(above: Matched | undefined, below: Matched | undefined): Matched | undefined {
  if (above === undefined || below === undefined) return below ?? above;
  const { pattern = above.pattern, mount } = below;
  const start = above.mount ?? '';
  return {
    pattern:
      below.pattern === undefined || start === '' ? pattern : start + (below.pattern === '/' ? '' : below.pattern),
    mount: mount === undefined ? undefined : start + mount,
  };
}

// A sub-application with an `onError` of its own wraps its handlers, and keeps each under a name, in Hono 4.0 a symbol.
function handlerOf({ handler }: HonoRoute): HonoRoute['handler'] {
  const key = COMPOSED in handler ? COMPOSED : Object.getOwnPropertySymbols(handler).find(isComposed);
  const composed: unknown = key === undefined ? undefined : Reflect.get(handler, key);
  return typeof composed === 'function' ? (composed as HonoRoute['handler']) : handler;
}

const COMPOSED = '__COMPOSED_HANDLER';

function isComposed({ description }: symbol): boolean {
  return description === 'composedHandler';
}
