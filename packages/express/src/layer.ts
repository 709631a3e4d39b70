/**
 * What a layer of a router tells about the path it was registered with. No version has an API for that, and each keeps
 * something else:
 *
 *     Express 4             layer.regexp, layer.keys      the path, compiled in a way that can be read back
 *     router 2.0 to 2.2     layer.matchers                functions that match, and name the parameters
 *     router 2.3 and later  layer.rawPath, .matchers      the path itself
 *
 * Layers are read, never changed. What is not there or not understood is left out.
 */
export interface LayerLike {
  readonly route?: unknown;
  readonly handle?: unknown;
  readonly regexp?: unknown;
  readonly keys?: unknown;
  readonly matchers?: unknown;
  readonly rawPath?: unknown;
}

/** What a mount took off the front of a path, and the pattern it did it by, without a slash at its end; no pattern where that cannot be known. */
export interface Mounted {
  readonly text: string;
  readonly pattern: string | undefined;
}

/** A path as it is registered with a router. */
export type PathPattern = string | RegExp;

/** One of the paths that a layer was registered with. */
type Alternative = (path: string) => Mounted | undefined;

type Matcher = (path: string) => false | { readonly path: string; readonly params: Readonly<Record<string, unknown>> };

const alternatives = new WeakMap<LayerLike, readonly Alternative[]>();

/** Returns what the layer takes off the front of `path` when it is a mount, or `undefined` if it does not match. */
export function mountedBy(layer: LayerLike, path: string): Mounted | undefined {
  let known = alternatives.get(layer);
  if (known === undefined) alternatives.set(layer, (known = alternativesOf(layer)));
  for (const alternative of known) {
    try {
      const mounted = alternative(path);
      if (mounted !== undefined) return mounted;
    } catch {
      // A parameter that is not valid percent-encoding: the router answered 400 before any route.
    }
  }
  return undefined;
}

/** Returns which of the paths that a route was registered with, an array, matches `path`. */
export function matchedPath(layer: LayerLike, paths: readonly PathPattern[], path: string): PathPattern | undefined {
  const tests = isMatchers(layer.matchers)
    ? layer.matchers.map((matches) => () => matches(path) !== false)
    : layer.regexp instanceof RegExp
      ? splitRegExp(layer.regexp).map((regexp) => () => regexp.test(path))
      : [];
  if (tests.length !== paths.length) return undefined;
  try {
    return paths[tests.findIndex((matches) => matches())];
  } catch {
    return undefined;
  }
}

function alternativesOf(layer: LayerLike): readonly Alternative[] {
  const { regexp, matchers, rawPath } = layer;
  if (regexp instanceof RegExp) {
    const keys = Array.isArray(layer.keys) ? (layer.keys as { readonly name: string | number }[]) : [];
    let used = 0;
    return splitRegExp(regexp).map((part) => {
      const read = readPattern(part.source, keys.slice(used));
      used += read?.keys ?? 0;
      const pattern = read === undefined ? String(regexp) : withoutEndSlash(read.pattern);
      return (path) => {
        const text = part.exec(path)?.[0];
        return text === undefined ? undefined : { text, pattern };
      };
    });
  }
  if (!isMatchers(matchers)) return [];
  const paths = (rawPath === undefined ? [] : [rawPath].flat()) as unknown as readonly PathPattern[];
  return matchers.map((matches, at) => {
    const known = paths[at];
    // A mount at `/` takes nothing off.
    if (known === '/') return () => ({ text: '', pattern: '' });
    if (known !== undefined) {
      const pattern = typeof known === 'string' ? withoutEndSlash(known) : String(known);
      return (path) => {
        const match = matches(path);
        return match === false ? undefined : { text: match.path, pattern };
      };
    }
    return inferred(matches);
  });
}

function isMatchers(matchers: unknown): matchers is readonly Matcher[] {
  return Array.isArray(matchers);
}

// Express 4 compiles an array of paths to one expression, `^…|^…`, up to 4.19 in a group.
function splitRegExp(regexp: RegExp): readonly RegExp[] {
  const { source: given, flags } = regexp;
  const inGroup = given.startsWith('(?:^') && groupAt(given, 0)?.length === given.length;
  const source = inGroup ? given.slice(3, -1) : given;
  if (!source.includes('|^')) return [new RegExp(source, flags.replace('g', '').replace('y', ''))];
  const parts = source.split('|^').map((part, at) => (at === 0 ? part : `^${part}`));
  // A user's own expression may hold `|^` anywhere, also in a group.
  return parts.every((part) => part.startsWith('^') && END.some((end) => part.endsWith(end)))
    ? parts.map((part) => new RegExp(part, flags))
    : [new RegExp(source, flags.replace('g', '').replace('y', ''))];
}

const MOUNT_END = '\\/?(?=\\/|$)';
const END = [MOUNT_END, '\\/?$', '$'];

/** Reads a mount's path back from what path-to-regexp 0.1 made of it; `undefined` for an expression of the user's own. */
function readPattern(
  source: string,
  keys: readonly { readonly name: string | number }[],
): { pattern: string; keys: number } | undefined {
  if (!source.startsWith('^') || !source.endsWith(MOUNT_END)) return undefined;
  const body = source.slice(1, -MOUNT_END.length);
  let pattern = '';
  let used = 0;
  for (let at = 0; at < body.length; at++) {
    const char = body[at];
    if (char === '\\') pattern += body[++at] ?? '';
    else if (char !== '(') pattern += char;
    else {
      const group = groupAt(body, at);
      const key = keys[used++];
      if (group === undefined || key === undefined) return undefined;
      if (group === '(.*)' && typeof key.name === 'number') pattern += '*';
      else if (typeof key.name === 'number') pattern += group;
      else {
        // `(?:` slash or dot, then the capture, `)`
        const capture = group.indexOf('(', 1);
        if (
          !group.startsWith('(?:') ||
          capture === -1 ||
          groupAt(group, capture)?.length !== group.length - 1 - capture
        )
          return undefined;
        const own = group.slice(capture, -1);
        const standard = own.startsWith('([^/') || own.startsWith('([^\\/') || own.startsWith('((?:(?!');
        pattern += `${group.slice(3, capture).replaceAll('\\', '')}:${key.name}${standard ? '' : own}`;
      }
      at += group.length - 1;
    }
  }
  return { pattern, keys: used };
}

/** Returns the group, brackets included, that opens at `start`. */
function groupAt(source: string, start: number): string | undefined {
  let depth = 0;
  let inClass = false;
  for (let at = start; at < source.length; at++) {
    const char = source[at];
    if (char === '\\') at++;
    else if (inClass) inClass = char !== ']';
    else if (char === '[') inClass = true;
    else if (char === '(') depth++;
    else if (char === ')' && --depth === 0) return source.slice(start, at + 1);
  }
  return undefined;
}

/**
 * Routers 2.0 to 2.2 keep only a function that matches. It says which parameters it found, and where each one stands shows
 * by asking it again with another value in that place: only there does the parameter change.
 */
function inferred(matches: Matcher): Alternative {
  // The names of the parameters in a user's own expression are groups, and its text cannot be had.
  if (matches.name === 'regexpMatcher') {
    return (path) => {
      const match = matches(path);
      return match === false ? undefined : { text: match.path, pattern: undefined };
    };
  }
  // Letter case is the caller's to choose: the first spelling of each pattern stays.
  const spellings = new Map<string, string>();
  return (path) => {
    const match = matches(path);
    if (match === false) return undefined;
    const text = match.path;
    const pattern = patternFrom(text, match.params, matches);
    if (pattern === undefined) return { text, pattern };
    const folded = pattern.toLowerCase();
    const spelling = spellings.get(folded) ?? pattern;
    if (spelling === pattern) spellings.set(folded, pattern);
    return { text, pattern: spelling };
  };
}

function patternFrom(text: string, params: Readonly<Record<string, unknown>>, matches: Matcher): string | undefined {
  let probe = text;
  const names: string[] = [];
  for (const [name, value] of Object.entries(params)) {
    const isList = Array.isArray(value);
    const raw = isList ? value.map((part) => encodeURIComponent(String(part))).join('/') : String(value);
    const at =
      placeOf(raw, probe, name, matches, names.length) ??
      placeOf(encodeURIComponent(raw), probe, name, matches, names.length);
    if (at === undefined) return undefined;
    probe = probe.slice(0, at.start) + mark(names.length) + probe.slice(at.end);
    names.push(`${isList ? '*' : ':'}${name}`);
  }
  return withoutEndSlash(names.reduce((pattern, name, at) => pattern.replace(mark(at), () => name), probe));
}

function placeOf(
  raw: string,
  text: string,
  name: string,
  matches: Matcher,
  at: number,
): { start: number; end: number } | undefined {
  if (raw === '') return undefined;
  for (let start = text.indexOf(raw); start !== -1; start = text.indexOf(raw, start + 1)) {
    const end = start + raw.length;
    const match = matches(text.slice(0, start) + mark(at) + text.slice(end));
    const value = match === false ? undefined : match.params[name];
    if (value === mark(at) || (Array.isArray(value) && value.length === 1 && value[0] === mark(at)))
      return { start, end };
  }
  return undefined;
}

// A value that no path holds by chance, of characters that need no encoding.
function mark(at: number): string {
  return `~${at}~throughline~`;
}

export function withoutEndSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
