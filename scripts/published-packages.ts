import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const workspace = join(import.meta.dirname, '..');

export interface PublishedPackage {
  readonly name: string;
  readonly folder: string;
}

/** The packages under `packages/` that go to the registry, in the order of their names. */
export function publishedPackages(): PublishedPackage[] {
  const published: PublishedPackage[] = [];
  for (const file of globSync('packages/*/package.json', { cwd: workspace }).sort()) {
    const manifest = JSON.parse(readFileSync(join(workspace, file), 'utf8')) as { name: string; private?: boolean };
    if (!manifest.private) published.push({ name: manifest.name, folder: join(workspace, dirname(file)) });
  }
  return published;
}

/** Packs the build of one package exactly as `pnpm publish` would, and returns the tarball's path. */
export async function pack({ folder }: PublishedPackage, destination: string): Promise<string> {
  const { stdout } = await run('pnpm', ['pack', '--json', '--pack-destination', destination], { cwd: folder });
  const { filename } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { filename: string };
  return filename;
}
