import path from 'node:path';
import { isRecord, manifestOf } from './manifest.ts';
import type { Tree } from './resolve.ts';

/**
 * Returns the packages that npm's lockfile lists, its own folder being `/`. Throws an `Error` where it is none of version 2 or 3, which
 * npm 7 and later write.
 */
export function npmLockTree(text: string): Tree {
  const lock: unknown = JSON.parse(text);
  const packages = isRecord(lock) ? lock['packages'] : undefined;
  if (!isRecord(packages))
    throw new Error('it is of version 1: `npm install --package-lock-only` writes a current one');
  const at: Tree['at'] = (folder) => {
    const entry = packages[folder.slice(1)];
    if (!isRecord(entry)) return undefined;
    if (entry['link'] === true) {
      const target = path.posix.join('/', String(entry['resolved']));
      // A link to a link, or to itself, would not end.
      const linked = packages[target.slice(1)];
      if (!isRecord(linked) || linked['link'] === true) return undefined;
      return { folder: target, manifest: named(linked, folder) };
    }
    return { folder, manifest: named(entry, folder) };
  };
  return { path: path.posix, at };
}

/** The name is told only where it is not that of the folder, as with an alias. */
function named(entry: Record<string, unknown>, folder: string): NonNullable<ReturnType<typeof manifestOf>> {
  const name = folder.split('/node_modules/').at(-1) ?? '';
  const manifest = manifestOf({ name, ...entry });
  if (manifest === undefined) throw new Error('it is an object');
  return manifest;
}
