import { pathToFileURL } from 'node:url';
import { isAbsolute, relative } from 'node:path';
import type { CodePlace } from '@throughline/verify';

/** Where in its code a span was made. */
export interface Artifact {
  /** Relative to the working directory where it is below that. */
  readonly uri: string;
  readonly line?: number;
}

/** Returns the place in the code that a span of a finding tells of. `folder` is what paths are relative to. */
export function artifactOf({ file, line }: CodePlace, folder: string): Artifact {
  const uri = uriOf(file.toWellFormed(), folder);
  return line === undefined ? { uri } : { uri, line };
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
