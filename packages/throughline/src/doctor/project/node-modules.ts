import { realpathSync } from 'node:fs';
import path from 'node:path';
import { readManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { Tree } from './resolve.ts';

/** Returns the packages that are installed. */
export function installedTree(): Tree {
  const known = new Map<string, { folder: string; manifest: Manifest } | undefined>();
  return {
    path,
    at(folder) {
      if (known.has(folder)) return known.get(folder);
      const manifest = readManifest(path.join(folder, 'package.json'));
      const found = manifest === undefined ? undefined : { folder: realpathSync(folder), manifest };
      known.set(folder, found);
      return found;
    },
  };
}
