import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Environment } from './supervised.ts';

/** Returns the full path of a program on the `PATH` of `env`, or `undefined`. */
export async function findOnPath(program: string, env: Environment): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const found = folder === '' ? undefined : await executable(join(folder, program));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns the path when it is that of a program, else `undefined`. */
export async function executable(path: string): Promise<string | undefined> {
  return access(path, constants.X_OK).then(
    () => path,
    () => undefined,
  );
}
