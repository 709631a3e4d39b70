/**
 * Writes docs/MATRIX.md from test-results/contracts.json, which a whole run of the tests leaves: `pnpm matrix`. With `--check` it fails
 * where the page says something else.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContractRow } from './contracts.ts';
import { matrixPage } from './page.ts';
import type { PeerVersions } from './page.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '..', '..');
const manifest = (...path: string[]): Manifest =>
  JSON.parse(readFileSync(join(root, ...path, 'package.json'), 'utf8')) as Manifest;
const oldestOnes = installed('test/oldest', Object.keys(manifest('test/oldest').dependencies ?? {}));

/** Returns what a folder has installed of some dependencies, by the names of the packages, of which aliases say nothing. */
function installed(folder: string, dependencies: readonly string[]): Manifest[] {
  return dependencies.flatMap((dependency) => {
    const place = [folder, 'node_modules', dependency];
    return existsSync(join(root, ...place, 'package.json')) ? [manifest(...place)] : [];
  });
}

/** What is wrapped by its shape alone, and is no peer. */
const noPeers: Readonly<Record<string, readonly string[]>> = {
  aws: ['@aws-sdk/client-sqs'],
  fetch: ['axios', 'got'],
};

function peersOf(adapter: string): PeerVersions[] {
  const { devDependencies = {}, peerDependencies = {} } = manifest('packages', adapter);
  const newest = installed(`packages/${adapter}`, Object.keys(devDependencies));
  return [...Object.keys(peerDependencies), ...(noPeers[adapter] ?? [])]
    .filter((name) => !name.startsWith('@opentelemetry/'))
    .toSorted()
    .map((peer) => ({
      adapter,
      peer,
      range: peerDependencies[peer] ?? '',
      oldest: versions(oldestOnes, peer),
      newest: versions(newest, peer),
    }));
}

function versions(among: readonly Manifest[], name: string): string[] {
  const found = among.flatMap((one) => (one.name === name ? [one.version] : []));
  return found.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

const results = join(root, 'test-results', 'contracts.json');
if (!existsSync(results)) {
  console.error('There is no test-results/contracts.json: run all tests first, `pnpm test`.');
  process.exit(1);
}
const rows = JSON.parse(readFileSync(results, 'utf8')) as ContractRow[];
const adapters = globSync('packages/*', { cwd: root }).map((path) => path.slice('packages/'.length));
const peers = adapters
  .toSorted()
  .filter((adapter) => rows.some((row) => row.adapter === adapter))
  .flatMap(peersOf);
const page = join(root, 'docs', 'MATRIX.md');
const made = matrixPage(rows, peers);
if (!process.argv.includes('--check')) {
  writeFileSync(page, made);
} else if (!existsSync(page) || readFileSync(page, 'utf8') !== made) {
  console.error('docs/MATRIX.md is not what the tests did: run all tests, then `pnpm matrix`.');
  process.exit(1);
}
