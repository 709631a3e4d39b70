/**
 * Checks what would be published: packs each package's build and runs publint and attw on the tarball, then looks that no
 * published type imports anything but OpenTelemetry, our own core and Node. Run `pnpm build` first.
 */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pack, publishedPackages } from './published-packages.ts';
import type { PublishedPackage } from './published-packages.ts';

const run = promisify(execFile);
const mayBeImported = /^(?:\.{1,2}\/|node:|@opentelemetry\/api$|@throughline\/core(?:\/[a-z]+)?$)/;

async function problems(published: PublishedPackage, tarballs: string): Promise<string[]> {
  const tarball = await pack(published, tarballs);
  const contents = join(tarballs, published.name.replace('/', '-'));
  mkdirSync(contents);
  await run('tar', ['-xzf', tarball, '-C', contents, '--strip-components=1']);
  return [
    ...(await complaints('publint', ['run', tarball, '--strict'])),
    ...(await complaints('attw', [tarball, '--no-definitely-typed', '--no-emoji', '--no-color', '--format', 'ascii'])),
    ...missingFiles(contents),
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

function missingFiles(contents: string): string[] {
  return ['LICENSE', 'README.md', 'dist/esm/index.js', 'dist/cjs/index.js', 'dist/cjs/package.json']
    .filter((file) => globSync(file, { cwd: contents }).length === 0)
    .map((file) => `${file} is not in the tarball`);
}

function foreignTypeImports(contents: string): string[] {
  const found: string[] = [];
  for (const file of globSync('dist/**/*.d.ts', { cwd: contents })) {
    // Docstrings hold code and prose of all kinds.
    const text = readFileSync(join(contents, file), 'utf8').replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
    for (const [, specifier = ''] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)) {
      if (!mayBeImported.test(specifier)) found.push(`${file} imports '${specifier}'`);
    }
  }
  return found;
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
