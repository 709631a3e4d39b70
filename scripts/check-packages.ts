/**
 * Checks what would be published: packs each package's build and runs publint and attw on the tarball, then looks that it holds
 * exactly what is meant, and that no published type imports anything but OpenTelemetry, our own core, agent and verify, and Node. Run `pnpm build`
 * first.
 */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { wrongContents } from './package-contents.ts';
import { pack, publishedPackages } from './published-packages.ts';
import type { PublishedPackage } from './published-packages.ts';

const run = promisify(execFile);
const mayBeImported = /^(?:\.{1,2}\/|node:|@opentelemetry\/api$|@throughline\/(?:agent|verify|core(?:\/[a-z]+)?)$)/;

async function problems(published: PublishedPackage, tarballs: string): Promise<string[]> {
  const tarball = await pack(published, tarballs);
  const contents = join(tarballs, published.name.replace('/', '-'));
  mkdirSync(contents);
  await run('tar', ['-xzf', tarball, '-C', contents, '--strip-components=1']);
  return [
    ...(await complaints('publint', ['run', tarball, '--strict'])),
    ...(await complaints('attw', [tarball, '--no-definitely-typed', '--no-emoji', '--no-color', '--format', 'ascii'])),
    ...wrongContents(contents, { sources: globSync('**/*.ts', { cwd: join(published.folder, 'src') }), traces }),
    ...foreignTypeImports(contents),
  ];
}

async function complaints(tool: string, args: string[]): Promise<string[]> {
  try {
    await run(tool, args);
    return [];
  } catch (error) {
    const { stdout = '', stderr = String(error) } = error as { stdout?: string; stderr?: string };
    return [`${tool}:\n${stdout}${stderr}`];
  }
}

/** What types import that a user of an entry is shown: a command's own inner files may import what it depends on. */
function foreignTypeImports(contents: string): string[] {
  const { exports } = JSON.parse(readFileSync(join(contents, 'package.json'), 'utf8')) as { readonly exports: unknown };
  const found: string[] = [];
  const files = new Set(typesIn(exports));
  // The set grows while it is walked.
  for (const file of files) {
    // Docstrings hold code and prose of all kinds.
    const text = readFileSync(join(contents, file), 'utf8').replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
    for (const [, specifier = ''] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)) {
      if (specifier.startsWith('.')) files.add(join(dirname(file), specifier).replace(/\.[jt]s$/, '.d.ts'));
      else if (!mayBeImported.test(specifier)) found.push(`${file} imports '${specifier}'`);
    }
  }
  return found;
}

/** Returns the declarations that the exports of a package lead to. */
function typesIn(exports: unknown): string[] {
  if (typeof exports === 'string') return exports.endsWith('.d.ts') ? [exports] : [];
  if (typeof exports !== 'object' || exports === null) return [];
  return Object.values(exports).flatMap((value: unknown) => typesIn(value));
}

const registries = ['https://registry.npmjs.org/', ...(await Promise.all(['npm', 'pnpm'].map(registryOf)))];
const traces = [
  join(import.meta.dirname, '..'),
  `${homedir()}/`,
  `${tmpdir()}/throughline-`,
  ...new Set(registries.map((registry) => new URL(registry).host)),
];

async function registryOf(client: string): Promise<string> {
  const { stdout } = await run(client, ['config', 'get', 'registry']);
  return stdout.trim();
}

const tarballs = mkdtempSync(join(tmpdir(), 'throughline-packages-'));
try {
  for (const published of publishedPackages()) {
    const found = await problems(published, tarballs);
    console.log(`${published.name}: ${found.length === 0 ? 'ready to publish' : ''}`);
    for (const problem of found) console.log(problem.replaceAll(/^/gm, '  '));
    if (found.length > 0) process.exitCode = 1;
  }
} finally {
  rmSync(tarballs, { recursive: true, force: true });
}
