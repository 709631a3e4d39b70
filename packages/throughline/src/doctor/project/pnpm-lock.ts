import { parseAllDocuments } from 'yaml';
import { isRecord, peersOf, texts } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { Copy, Member } from './project.ts';

/** Returns what a member of a workspace depends on, by its folder from the lockfile's, such as `.` or `packages/web`. */
export type Locked = (place: string) => Pick<Member, 'dependencies' | 'devDependencies'> | undefined;

/**
 * Reads pnpm's lockfile of versions 6 and 9, which pnpm 8 and later write. Throws an `Error` for others. `manifestAt` gives the manifests of
 * the workspace, whose peers the lockfile leaves out.
 */
export function readPnpmLock(text: string, manifestAt: (place: string) => Manifest | undefined): Locked {
  const lock = documentOf(text);
  const version = String(lock['lockfileVersion']);
  if (!/^[69]\./.test(version)) throw new Error(`it is of version ${version}, and 6 and 9 are read: run pnpm install`);
  const packages = isRecord(lock['packages']) ? lock['packages'] : {};
  const snapshots = isRecord(lock['snapshots']) ? lock['snapshots'] : packages;
  const importers = isRecord(lock['importers']) ? lock['importers'] : { '.': lock };
  const copies = new Map<string, Copy>();

  const copyAt = (key: string): Copy | undefined => {
    const known = copies.get(key);
    if (known !== undefined) return known;
    const snapshot = snapshots[key];
    const described = packages[key] ?? packages[withoutPeers(key)];
    const [, name, said] = /^\/?(@?[^@]+)@([^()]+)/.exec(key) ?? [];
    if (!isRecord(snapshot) || name === undefined || said === undefined) return undefined;
    const facts = isRecord(described) ? described : {};
    const dependencies = new Map<string, Copy>();
    const copy: Copy = {
      name,
      version: typeof facts['version'] === 'string' ? facts['version'] : said,
      place: key,
      node: isRecord(facts['engines']) ? texts(facts['engines']).get('node') : undefined,
      peers: peersOf(facts['peerDependencies'], facts['peerDependenciesMeta']),
      dependencies,
    };
    copies.set(key, copy);
    fill(dependencies, snapshot, ['dependencies', 'optionalDependencies'], '.');
    return copy;
  };

  const member = (place: string): Copy | undefined => {
    const key = `link:${place}`;
    const known = copies.get(key);
    if (known !== undefined) return known;
    const importer = importers[place];
    if (!isRecord(importer)) return undefined;
    const dependencies = new Map<string, Copy>();
    const { name = place, version = '0.0.0', peers = new Map<string, never>() } = manifestAt(place) ?? {};
    const copy: Copy = { name, version, place, peers, dependencies };
    copies.set(key, copy);
    // A link is to the folder itself: it finds the peers that it is tested with.
    for (const [peer, found] of fill(new Map(), importer, ['devDependencies'], place))
      if (peers.has(peer)) dependencies.set(peer, found);
    fill(dependencies, importer, ['dependencies', 'optionalDependencies'], place);
    return copy;
  };

  const fill = (
    into: Map<string, Copy>,
    entry: unknown,
    fields: readonly string[],
    place: string,
  ): Map<string, Copy> => {
    for (const field of fields) {
      const listed = isRecord(entry) ? entry[field] : undefined;
      for (const [name, value] of Object.entries(isRecord(listed) ? listed : {})) {
        const version = isRecord(value) ? value['version'] : value;
        if (typeof version !== 'string') continue;
        const found = version.startsWith('link:')
          ? member(joined(place, version.slice('link:'.length)))
          : (copyAt(`${name}@${version}`) ?? copyAt(`/${name}@${version}`) ?? copyAt(version));
        if (found !== undefined) into.set(name, found);
      }
    }
    return into;
  };

  return (place) => {
    const importer = importers[place];
    if (importer === undefined) return undefined;
    return {
      dependencies: fill(new Map(), importer, ['dependencies', 'optionalDependencies'], place),
      devDependencies: fill(new Map(), importer, ['devDependencies'], place),
    };
  };
}

/** Later pnpm writes a document for itself before the one of the project. */
function documentOf(text: string): Record<string, unknown> {
  const documents = parseAllDocuments(text);
  for (const document of [...documents].reverse()) {
    if (document.errors.length > 0) throw new Error(document.errors[0]?.message.split('\n')[0] ?? 'it is no YAML');
    const value: unknown = document.toJS();
    if (isRecord(value) && value['lockfileVersion'] !== undefined) return value;
  }
  throw new Error('it holds no lockfileVersion: run pnpm install');
}

function withoutPeers(key: string): string {
  const at = key.indexOf('(');
  return at < 0 ? key : key.slice(0, at);
}

/** Joins as `path.posix.join` does, and keeps `.` for the root. */
function joined(place: string, link: string): string {
  const parts = place === '.' ? [] : place.split('/');
  for (const part of link.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return parts.join('/') || '.';
}
