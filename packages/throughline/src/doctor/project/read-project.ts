import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, posix, relative, resolve, sep } from 'node:path';
import { installedTree } from './node-modules.ts';
import { npmLockTree } from './npm-lock.ts';
import { readPnpmLock } from './pnpm-lock.ts';
import { readManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { Member, PackageManager, Project } from './project.ts';
import { resolver } from './resolve.ts';
import { workspaceFolders, workspaceOf } from './workspaces.ts';

type Dependencies = Pick<Member, 'dependencies' | 'devDependencies'>;

const LOCKFILES = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock'] as const;
type Lockfile = (typeof LOCKFILES)[number];
const MANAGER: Readonly<Record<Lockfile, PackageManager>> = {
  'package-lock.json': 'npm',
  'npm-shrinkwrap.json': 'npm',
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
};

/**
 * Reads what a folder's package depends on, and each of its workspaces: as it is installed, and where nothing is, as its lockfile says.
 * Throws an `Error` that names the fix where there is neither.
 */
export async function readProject(given: string): Promise<Project> {
  const folder = resolve(given);
  const file = join(folder, 'package.json');
  if (!existsSync(file)) throw new Error(`${file} is not there: name the folder of a project`);
  const manifest = readManifest(file);
  if (manifest === undefined) throw new Error(`${file} is no JSON object: mend it first`);
  const real = realpathSync(folder);
  const root = workspaceOf(real);
  const lockfile = LOCKFILES.find((name) => existsSync(join(root, name)));
  const packageManager = managerOf(readManifest(join(root, 'package.json')), lockfile);
  const members = [real, ...workspaceFolders(real)].flatMap((at) => {
    const said = at === real ? manifest : readManifest(join(at, 'package.json'));
    return said === undefined ? [] : [{ at, said }];
  });
  const isInstalled =
    members.some(({ at }) => existsSync(join(at, 'node_modules'))) || isFolder(join(root, 'node_modules'));
  const dependenciesOf = isInstalled ? resolver(installedTree(), real) : await lockedIn(root, lockfile, packageManager);
  return {
    folder: real,
    source: isInstalled || lockfile === undefined ? 'node_modules' : lockfile,
    packageManager,
    members: members.map(({ at, said }) => ({
      name: said.name ?? (relative(real, at) || '.'),
      place: relative(real, at) || '.',
      folder: at,
      manifest: said,
      ...dependenciesOf(at, said),
    })),
  };
}

async function lockedIn(
  root: string,
  lockfile: Lockfile | undefined,
  manager: PackageManager,
): Promise<(folder: string, manifest: Manifest) => Dependencies> {
  if (lockfile === undefined)
    throw new Error(`${root} has neither node_modules nor a lockfile of npm, pnpm or yarn: run ${manager} install`);
  try {
    const text = readFileSync(join(root, lockfile), 'utf8');
    const nothing: Dependencies = { dependencies: new Map(), devDependencies: new Map() };
    const placeOf = (folder: string): string => relative(root, folder).split(sep).join('/') || '.';
    switch (lockfile) {
      case 'pnpm-lock.yaml': {
        const locked = readPnpmLock(text, (place) => readManifest(join(root, place, 'package.json')));
        return (folder) => locked(placeOf(folder)) ?? nothing;
      }
      case 'yarn.lock': {
        const { readYarnLock } = await import('./yarn-lock.ts');
        const manifests = workspaceFolders(root).map((folder) => readManifest(join(folder, 'package.json')));
        const locked = readYarnLock(
          text,
          new Map(manifests.flatMap((said) => (said?.name === undefined ? [] : [[said.name, said]]))),
        );
        return (_, manifest) => locked(manifest);
      }
      default: {
        const resolveIn = resolver(npmLockTree(text), '/');
        return (folder, manifest) => resolveIn(posix.join('/', placeOf(folder)), manifest);
      }
    }
  } catch (error) {
    throw new Error(
      `${join(root, lockfile)} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

function managerOf(manifest: Manifest | undefined, lockfile: Lockfile | undefined): PackageManager {
  const said = /^(npm|pnpm|yarn)@/.exec(manifest?.packageManager ?? '')?.[1] as PackageManager | undefined;
  return said ?? (lockfile === undefined ? 'npm' : MANAGER[lockfile]);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
