import { readFileSync } from 'node:fs';

/** What is read of a package.json. Whatever has another type there is left out. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly type?: string;
  readonly main?: string;
  readonly isPrivate: boolean;
  readonly node?: string;
  readonly packageManager?: string;
  readonly scripts: ReadonlyMap<string, string>;
  readonly workspaces: readonly string[];
  readonly dependencies: ReadonlyMap<string, string>;
  readonly devDependencies: ReadonlyMap<string, string>;
  readonly peers: ReadonlyMap<string, { readonly range: string; readonly isOptional: boolean }>;
}

/** Returns the manifest in a folder's file, or `undefined` where there is none that is JSON. */
export function readManifest(file: string): Manifest | undefined {
  try {
    return manifestOf(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Returns what a package.json, or an entry of npm's lockfile, says. */
export function manifestOf(json: unknown): Manifest | undefined {
  if (!isRecord(json)) return undefined;
  const { workspaces } = json;
  const patterns = isRecord(workspaces) ? workspaces['packages'] : workspaces;
  return {
    ...textAt(json, 'name'),
    ...textAt(json, 'version'),
    ...textAt(json, 'type'),
    ...textAt(json, 'main'),
    ...textAt(json, 'packageManager'),
    ...(isRecord(json['engines']) ? textAt(json['engines'], 'node') : {}),
    isPrivate: json['private'] === true,
    scripts: texts(json['scripts']),
    workspaces: Array.isArray(patterns) ? patterns.filter((pattern) => typeof pattern === 'string') : [],
    dependencies: new Map([...texts(json['dependencies']), ...texts(json['optionalDependencies'])]),
    devDependencies: texts(json['devDependencies']),
    peers: peersOf(json['peerDependencies'], json['peerDependenciesMeta']),
  };
}

/** Returns the peers that two fields of a manifest or lockfile tell. */
export function peersOf(ranges: unknown, meta: unknown): Manifest['peers'] {
  const isOptional = (name: string): boolean => {
    const said = isRecord(meta) ? meta[name] : undefined;
    return isRecord(said) && (said['optional'] === true || said['optional'] === 'true');
  };
  return new Map([...texts(ranges)].map(([name, range]) => [name, { range, isOptional: isOptional(name) }]));
}

/** Returns the members of an object that are text. */
export function texts(value: unknown): Map<string, string> {
  if (!isRecord(value)) return new Map();
  return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textAt<Key extends string>(object: Record<string, unknown>, key: Key): { [K in Key]?: string } {
  const value = object[key];
  return (typeof value === 'string' ? { [key]: value } : {}) as { [K in Key]?: string };
}
