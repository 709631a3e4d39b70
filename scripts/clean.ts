/** Removes every `dist`: `tsc -b` leaves behind the output of deleted files, and misses changes of tsconfig.base.json. */
import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const workspace = join(import.meta.dirname, '..');
for (const folder of globSync('packages/*/dist', { cwd: workspace }))
  rmSync(join(workspace, folder), { recursive: true });
