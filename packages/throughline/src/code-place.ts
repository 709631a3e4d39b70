import { pathToFileURL } from 'node:url';
import { isAbsolute, relative } from 'node:path';
import type { CollectedSpan } from '@throughline/verify';

/** Where in its code a span was made. */
export interface CodePlace {
  /** Relative to the working directory where it is below that. */
  readonly uri: string;
  readonly line?: number;
}

/**
 * Returns the place in the code that a span tells of, in the names of the conventions and in the older ones.
 * https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/
 */
export function codePlace({ attributes }: Pick<CollectedSpan, 'attributes'>, folder: string): CodePlace | undefined {
  const path = attributes['code.file.path'] ?? attributes['code.filepath'];
  if (typeof path !== 'string' || path === '') return undefined;
  const line = Number(attributes['code.line.number'] ?? attributes['code.lineno']);
  const uri = uriOf(path.toWellFormed(), folder);
  return Number.isSafeInteger(line) && line > 0 ? { uri, line } : { uri };
}

function uriOf(path: string, folder: string): string {
  if (path.startsWith('file:') && URL.canParse(path)) return uriOf(decoded(new URL(path).pathname), folder);
  const below = isAbsolute(path) ? relative(folder, path) : path;
  if (below.startsWith('..') || isAbsolute(below)) return pathToFileURL(path).href;
  return below.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
}

function decoded(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}
