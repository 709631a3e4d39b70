import type { PlatformPath } from 'node:path';
import type { Manifest } from './manifest.ts';
import type { Copy, Member } from './project.ts';

/** Folders of packages: those on a disk, or those that npm's lockfile lists. */
export interface Tree {
  /** The rules of its paths. */
  readonly path: PlatformPath;
  /** Returns the package in a folder, by its real path. */
  at(folder: string): { readonly folder: string; readonly manifest: Manifest } | undefined;
}

export type Resolve = (folder: string, manifest: Manifest) => Pick<Member, 'dependencies' | 'devDependencies'>;

/** Returns what finds packages as Node does: in the `node_modules` of the importing package's real folder, and of those above it. */
export function resolver(tree: Tree, root: string): Resolve {
  const copies = new Map<string, Copy>();

  const find = (from: string, name: string): Copy | undefined => {
    const above = tree.path.dirname(from);
    if (tree.path.basename(from) !== 'node_modules') {
      const found = tree.at(tree.path.join(from, 'node_modules', name));
      if (found !== undefined) return copyAt(found.folder, found.manifest);
    }
    return above === from ? undefined : find(above, name);
  };

  const copyAt = (folder: string, manifest: Manifest): Copy => {
    const known = copies.get(folder);
    if (known !== undefined) return known;
    const dependencies = new Map<string, Copy>();
    const copy: Copy = {
      name: manifest.name ?? tree.path.basename(folder),
      version: manifest.version ?? '0.0.0',
      place: tree.path.relative(root, folder) || '.',
      node: manifest.node,
      peers: manifest.peers,
      dependencies,
    };
    // Before its dependencies: packages depend on each other in circles.
    copies.set(folder, copy);
    fill(dependencies, folder, [...manifest.dependencies.keys(), ...manifest.peers.keys()]);
    return copy;
  };

  const fill = (into: Map<string, Copy>, folder: string, names: Iterable<string>): Map<string, Copy> => {
    for (const name of names) {
      const found = find(folder, name);
      if (found !== undefined) into.set(name, found);
    }
    return into;
  };

  return (folder, manifest) => ({
    dependencies: fill(new Map(), folder, [...manifest.dependencies.keys(), ...manifest.peers.keys()]),
    devDependencies: fill(new Map(), folder, manifest.devDependencies.keys()),
  });
}
