import { mountedBy, withoutEndSlash } from './layer.ts';
import type { LayerLike } from './layer.ts';
import type { ApplicationLike } from './request.ts';

/** The layers that lead from a router to a route: mounts, then the route's own. */
export interface Chain {
  readonly mounts: readonly LayerLike[];
  readonly layer: LayerLike;
}

const MAX_CHAINS = 64;
const MAX_DEPTH = 32;

/** What was found for a route, so that a router is searched once and not for each request. */
const found = new WeakMap<object, { readonly router: readonly LayerLike[]; readonly chains: readonly Chain[] }>();

/** Returns every way from the application's router to the route: more than one where a router is mounted more than once. */
export function chainsTo(route: object, app: ApplicationLike | undefined, again = false): readonly Chain[] {
  const router = stackOf(app);
  if (router === undefined) return [];
  const known = found.get(route);
  if (known !== undefined && known.router === router && !again) return known.chains;
  const chains: Chain[] = [];
  collect(route, router, [], chains);
  found.set(route, { router, chains });
  return chains;
}

function collect(route: object, stack: readonly LayerLike[], mounts: readonly LayerLike[], chains: Chain[]): void {
  if (mounts.length > MAX_DEPTH) return;
  for (const layer of stack) {
    if (chains.length >= MAX_CHAINS) return;
    if (layer.route === route) chains.push({ mounts, layer });
    else if (layer.route === undefined) {
      const nested = stackOf(layer.handle);
      // A router that is mounted in itself leads nowhere new.
      if (nested !== undefined && !mounts.includes(layer)) collect(route, nested, [...mounts, layer], chains);
    }
  }
}

/** The patterns of mounts, one after the other, and whether none had to be left out. */
export interface Patterns {
  readonly text: string;
  readonly whole: boolean;
}

/**
 * Returns the patterns of the mounts that make up `baseUrl`, in front of a route that was entered there. What cannot be
 * known is left out, from one segment to all of them: text of the request never stands in for a pattern.
 */
export function mountPatterns(baseUrl: string, route: object, app: ApplicationLike | undefined): Patterns {
  if (baseUrl === '') return { text: '', whole: true };
  return patternsTo(baseUrl, route, app) ?? { text: outerPatterns(baseUrl, app, undefined), whole: false };
}

/** Returns whether the mounts that make up `baseUrl` lead to the route, and no handler of the user's calls its router. */
export function isMounted(baseUrl: string, route: object, app: ApplicationLike | undefined): boolean {
  return patternsTo(baseUrl, route, app) !== undefined;
}

/** Returns whether the route is in a router among the handlers of `outer`, itself a route. */
export function isAmongHandlers(route: object, outer: object): boolean {
  const chains: Chain[] = [];
  collect(route, stackOf(outer) ?? [], [], chains);
  return chains.length > 0;
}

function patternsTo(baseUrl: string, route: object, app: ApplicationLike | undefined): Patterns | undefined {
  const chains = chainsTo(route, app);
  // A router may have been mounted once more since it was searched.
  return (
    chainPatterns(baseUrl, chains, app) ??
    (chains.length === 0 ? undefined : chainPatterns(baseUrl, chainsTo(route, app, true), app))
  );
}

function chainPatterns(
  baseUrl: string,
  chains: readonly Chain[],
  app: ApplicationLike | undefined,
): Patterns | undefined {
  // In front of the application's own mounts stand those of the applications that it is mounted in.
  for (let start = 0; ;) {
    for (const { mounts } of chains) {
      const own = patternsAlong(mounts, baseUrl.slice(start));
      if (own === undefined) continue;
      const outer = outerPatterns(baseUrl.slice(0, start), app?.parent, app?.mountpath);
      return { text: outer + own.text, whole: own.whole && (start === 0 || outer !== '') };
    }
    if (start === baseUrl.length) return undefined;
    const slash = baseUrl.indexOf('/', start + 1);
    start = slash === -1 ? baseUrl.length : slash;
  }
}

/** Returns the patterns of these mounts if they take all of `text`, one after the other. */
function patternsAlong(mounts: readonly LayerLike[], text: string): Patterns | undefined {
  let rest = text;
  let patterns = '';
  let whole = true;
  for (const layer of mounts) {
    const mounted = mountedBy(layer, rest === '' ? '/' : rest);
    if (mounted === undefined) return undefined;
    const taken = withoutEndSlash(mounted.text);
    rest = rest.slice(taken.length);
    if (rest !== '' && rest[0] !== '/' && rest[0] !== '.') return undefined;
    patterns += mounted.pattern ?? '';
    whole &&= mounted.pattern !== undefined;
  }
  return rest === '' ? { text: patterns, whole } : undefined;
}

/**
 * Returns the patterns of the mounts that lead into a handler which hides what is below it: an application mounted in `app`,
 * or a function of the user's that calls a router.
 */
function outerPatterns(text: string, app: ApplicationLike | undefined, mountpath: unknown): string {
  const stack = text === '' ? undefined : stackOf(app);
  if (stack === undefined) return '';
  const paths = [mountpath]
    .flat(Infinity)
    .map((path) => (typeof path === 'string' ? withoutEndSlash(path) : String(path)));
  for (let start = 0; start !== -1; start = text.indexOf('/', start + 1)) {
    let pattern: string | undefined;
    for (const layer of stack) {
      if (layer.route !== undefined || stackOf(layer.handle) !== undefined) continue;
      const mounted = mountedBy(layer, text.slice(start));
      if (mounted === undefined || mounted.pattern === undefined || withoutEndSlash(mounted.text) !== text.slice(start))
        continue;
      if (pattern === undefined || paths.includes(mounted.pattern)) pattern = mounted.pattern;
      if (paths.includes(pattern)) break;
    }
    if (pattern !== undefined) return outerPatterns(text.slice(0, start), app?.parent, app?.mountpath) + pattern;
  }
  return '';
}

/** Returns the layers of a router, or of an application's router; `undefined` for anything else. */
function stackOf(thing: unknown): readonly LayerLike[] | undefined {
  if ((typeof thing !== 'function' && typeof thing !== 'object') || thing === null) return undefined;
  const { stack } = thing as { stack?: unknown };
  if (Array.isArray(stack)) return stack as LayerLike[];
  if (typeof (thing as { set?: unknown }).set !== 'function') return undefined;
  try {
    // Express 4 has `_router`, and a `router` that throws; Express 5 has `router`.
    const application = thing as { _router?: unknown; router?: unknown };
    return stackOf(application._router ?? application.router);
  } catch {
    return undefined;
  }
}
