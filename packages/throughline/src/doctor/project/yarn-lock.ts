import { parseSyml } from '@yarnpkg/parsers';
import { isRecord, peersOf, texts } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { Copy, Member } from './project.ts';

type Entry = Record<string, unknown>;

/**
 * Reads the lockfile of yarn, classic and berry, and returns what a member with a manifest depends on. A lockfile does not tell where a
 * package is put: a peer is taken to be what the member itself has. `workspace` are the manifests of all members by name, which classic
 * leaves out.
 */
export function readYarnLock(
  text: string,
  workspace: ReadonlyMap<string, Manifest>,
): (manifest: Manifest) => Pick<Member, 'dependencies' | 'devDependencies'> {
  const byDescriptor = new Map<string, Entry>();
  const byName = new Map<string, Set<Entry>>();
  for (const [keys, entry] of Object.entries<unknown>(parseSyml(text))) {
    if (!isRecord(entry) || keys === '__metadata') continue;
    for (const key of keys.split(/\s*,\s*/)) {
      byDescriptor.set(key, entry);
      const name = nameIn(key);
      byName.set(name, (byName.get(name) ?? new Set()).add(entry));
    }
  }

  const linked = new Map(
    [...workspace].map(([name, { version, dependencies }]): [string, Entry] => [
      name,
      { version, dependencies: Object.fromEntries(dependencies) },
    ]),
  );

  const entryOf = (name: string, range: string): Entry | undefined => {
    const found = [range, `npm:${range}`, `workspace:${range}`]
      .map((said) => byDescriptor.get(`${name}@${said}`))
      .find((entry) => entry !== undefined);
    if (found !== undefined) return found;
    // Its range was overridden by `resolutions`.
    const [only, ...others] = byName.get(name) ?? [];
    return others.length === 0 ? (only ?? linked.get(name)) : undefined;
  };

  return (manifest) => {
    const copies = new Map<Entry, Copy>();
    const own = new Map([...manifest.devDependencies, ...manifest.dependencies]);
    const copyOf = (name: string, range: string): Copy | undefined => {
      const entry = entryOf(name, range);
      if (entry === undefined) return undefined;
      const known = copies.get(entry);
      if (known !== undefined) return known;
      const dependencies = new Map<string, Copy>();
      const peers = peersOf(entry['peerDependencies'], entry['peerDependenciesMeta']);
      const realName = realNameOf(name, range, entry);
      const version = texts(entry).get('version') ?? '0.0.0';
      const copy: Copy = { name: realName, version, place: `${realName}@${version}`, peers, dependencies };
      copies.set(entry, copy);
      for (const peer of peers.keys()) {
        const found = own.get(peer);
        if (found !== undefined) add(dependencies, peer, found);
      }
      const listed = [...texts(entry['dependencies']), ...texts(entry['optionalDependencies'])];
      for (const [dependency, wanted] of listed) add(dependencies, dependency, wanted);
      return copy;
    };
    const add = (into: Map<string, Copy>, name: string, range: string): void => {
      const copy = copyOf(name, range);
      if (copy !== undefined) into.set(name, copy);
    };
    const all = (listed: ReadonlyMap<string, string>): Map<string, Copy> => {
      const found = new Map<string, Copy>();
      for (const [name, range] of listed) add(found, name, range);
      return found;
    };
    return { dependencies: all(manifest.dependencies), devDependencies: all(manifest.devDependencies) };
  };
}

function nameIn(descriptor: string): string {
  return descriptor.slice(0, descriptor.indexOf('@', 1));
}

/** An alias such as `express4@npm:express@^4.21.0` stands for another package. */
function realNameOf(name: string, range: string, entry: Entry): string {
  const { resolution } = entry;
  if (typeof resolution === 'string') return nameIn(resolution);
  const aliased = /^npm:(@?[^@]+)@/.exec(range);
  return aliased?.[1] ?? name;
}
