import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { globSync } from 'tinyglobby';
import { parse } from 'yaml';
import { isRecord, readManifest } from './manifest.ts';

/** Returns the folders of a workspace's members, absolute, without its own. */
export function workspaceFolders(folder: string): string[] {
  const patterns = patternsIn(folder);
  if (patterns.length === 0) return [];
  const files = globSync(
    patterns.map((pattern) => `${pattern.replace(/\/+$/, '')}/package.json`),
    { cwd: folder, absolute: true, ignore: ['**/node_modules/**'] },
  );
  return [...new Set(files.map((file) => dirname(file)))].sort();
}

/** Returns the folder of the workspace that a folder is a member of, or that folder itself. */
export function workspaceOf(folder: string): string {
  for (let above = dirname(folder); above !== dirname(above); above = dirname(above)) {
    if (!workspaceFolders(above).some((member) => relative(member, folder) === '')) continue;
    return above;
  }
  return folder;
}

function patternsIn(folder: string): readonly string[] {
  const file = join(folder, 'pnpm-workspace.yaml');
  if (!existsSync(file)) return readManifest(join(folder, 'package.json'))?.workspaces ?? [];
  try {
    const said: unknown = parse(readFileSync(file, 'utf8'));
    const packages = isRecord(said) ? said['packages'] : undefined;
    return Array.isArray(packages) ? packages.filter((pattern) => typeof pattern === 'string') : [];
  } catch {
    return [];
  }
}
