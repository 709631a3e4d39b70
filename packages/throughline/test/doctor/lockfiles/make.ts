/**
 * Makes the projects beside it anew: one workspace, locked by each package manager. `node make.ts` needs a registry. What names it is
 * taken out of the lockfiles; nothing reads that.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Made {
  readonly folder: string;
  readonly lockfile: string;
  /** How a package of the workspace depends on another. */
  readonly workspace: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

const pnpm = (folder: string, version: string): Made => ({
  folder,
  lockfile: 'pnpm-lock.yaml',
  workspace: 'workspace:*',
  files: { 'pnpm-workspace.yaml': 'packages:\n  - packages/*\n' },
  command: [`pnpm@${version}`, 'install', '--lockfile-only', '--no-strict-peer-dependencies'],
});

const made: readonly Made[] = [
  {
    folder: 'npm-2',
    lockfile: 'package-lock.json',
    workspace: '*',
    command: ['npm@11', 'install', '--package-lock-only', '--lockfile-version=2', '--legacy-peer-deps'],
  },
  {
    folder: 'npm-3',
    lockfile: 'package-lock.json',
    workspace: '*',
    command: ['npm@11', 'install', '--package-lock-only', '--lockfile-version=3', '--legacy-peer-deps'],
  },
  pnpm('pnpm-6', '8'),
  pnpm('pnpm-9', '12'),
  { folder: 'yarn-classic', lockfile: 'yarn.lock', workspace: '*', command: ['yarn@1', 'install', '--ignore-scripts'] },
  {
    folder: 'yarn-berry',
    lockfile: 'yarn.lock',
    workspace: 'workspace:*',
    files: { 'yarn.lock': '', '.yarnrc.yml': 'enableTelemetry: false\n' },
    command: ['@yarnpkg/cli-dist@4', 'install', '--mode=update-lockfile'],
  },
];

const manifests = (workspace: string): Readonly<Record<string, object>> => ({
  'package.json': { name: 'shop', private: true, workspaces: ['packages/*'] },
  'packages/web/package.json': {
    name: '@shop/web',
    version: '1.0.0',
    private: true,
    dependencies: {
      '@opentelemetry/api': '1.8.0',
      '@opentelemetry/context-async-hooks': '1.30.1',
      '@opentelemetry/sdk-trace-base': '2.0.0',
      '@opentelemetry/sdk-trace-node': '1.30.1',
      '@shop/lib': workspace,
      kafkajs: '1.16.0',
      'undici-six': 'npm:undici@6.9.0',
    },
  },
  'packages/lib/package.json': {
    name: '@shop/lib',
    version: '1.0.0',
    dependencies: { '@opentelemetry/api': '1.9.0' },
  },
});

for (const { folder, lockfile, workspace, files = {}, command } of made) {
  const project = mkdtempSync(join(tmpdir(), 'throughline-lockfiles-'));
  const target = join(import.meta.dirname, folder);
  for (const [name, manifest] of Object.entries(manifests(workspace))) {
    const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
    for (const root of [project, target]) {
      mkdirSync(join(root, name, '..'), { recursive: true });
      writeFileSync(join(root, name), text);
    }
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(project, name), text);
    if (name === 'pnpm-workspace.yaml') copyFileSync(join(project, name), join(target, name));
  }
  execFileSync('npx', ['-y', ...command], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] });
  const lock = readFileSync(join(project, lockfile), 'utf8')
    .replaceAll(/^ *"resolved": "https?:.*\n/gm, '')
    .replaceAll(/^ *resolved "https?:.*\n/gm, '')
    .replaceAll(/, tarball: https?:[^}]*/g, '');
  writeFileSync(join(target, lockfile), lock);
  rmSync(project, { recursive: true, force: true });
}
