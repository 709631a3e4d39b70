/** Marks every `dist/cjs` as CommonJS, which the package.json above it declares to be ESM. Runs after `tsc -b`. */
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

for (const folder of globSync('packages/*/dist/cjs', { cwd: join(import.meta.dirname, '..') })) {
  const output = join(import.meta.dirname, '..', folder);
  if (existsSync(join(output, 'index.js'))) writeFileSync(join(output, 'package.json'), '{"type":"commonjs"}\n');
}
