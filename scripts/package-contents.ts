import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

/** What an unpacked tarball is held against. */
export interface Expected {
  /** The sources of the package, such as `http/index.ts`: each is in the tarball, with what it is built into. */
  readonly sources: readonly string[];
  /** What no file may hold: the folders of this machine, the host of its registry. */
  readonly traces: readonly string[];
}

const always = ['LICENSE', 'README.md', 'package.json', 'dist/cjs/package.json'];

/**
 * Returns what is wrong with the files of an unpacked tarball: one that is missing or not meant, a source map that points out of it,
 * a manifest that only works here, and traces of the machine that it was made on.
 */
export function wrongContents(folder: string, { sources, traces }: Expected): string[] {
  // Hidden files too, which a glob leaves out.
  const there = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  const meant = new Set([...always, ...singleFiles(folder), ...sources.flatMap(filesOf)]);
  const found = there.filter((file) => !meant.has(file)).map((file) => `${file} is not meant to be in the tarball`);
  for (const file of meant) if (!there.includes(file)) found.push(`${file} is not in the tarball`);
  for (const file of there) {
    const text = readFileSync(join(folder, file), 'utf8');
    for (const trace of [...traces, ...(text.match(/(?:\/home|\/Users)\/[\w.-]+\/|[A-Z]:\\Users\\/g) ?? [])])
      if (text.includes(trace)) found.push(`${file} holds '${trace}'`);
    if (file.endsWith('.map')) found.push(...strayMaps(file, text, meant));
  }
  return [...found, ...manifestFaults(folder)];
}

/** What the manifest lists by name, such as a schema: with an ending, and no pattern. */
function singleFiles(folder: string): string[] {
  const { files = [] } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { files?: string[] };
  return files.filter((file) => /^[\w.-]+\.\w+$/.test(file));
}

function filesOf(source: string): string[] {
  const built = source.replace(/\.ts$/, '');
  const kinds = ['js', 'js.map', 'd.ts', 'd.ts.map'];
  return [`src/${source}`, ...['esm', 'cjs'].flatMap((build) => kinds.map((kind) => `dist/${build}/${built}.${kind}`))];
}

function strayMaps(file: string, text: string, meant: ReadonlySet<string>): string[] {
  const { sources, sourceRoot } = JSON.parse(text) as { sources: string[]; sourceRoot?: string };
  return sources
    .map((source) => normalize(join(dirname(file), sourceRoot ?? '', source)))
    .filter((source) => !meant.has(source))
    .map((source) => `${file} maps to ${source}, which is not in the tarball`);
}

/** What installs a package must not run anything, nor look for what is in this workspace alone. */
function manifestFaults(folder: string): string[] {
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  const { scripts, publishConfig } = JSON.parse(text) as {
    scripts?: object;
    publishConfig?: { provenance?: unknown; access?: unknown };
  };
  const found: string[] = [];
  if (scripts !== undefined) found.push('package.json has scripts');
  for (const protocol of ['workspace:', 'catalog:', 'file:', 'link:'])
    if (text.includes(`"${protocol}`)) found.push(`package.json has a dependency by '${protocol}'`);
  if (publishConfig?.provenance !== true) found.push('package.json does not ask for provenance');
  if (publishConfig?.access !== 'public') found.push('package.json does not ask for public access');
  return found;
}
