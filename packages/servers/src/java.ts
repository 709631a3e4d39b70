/** Finds Java on this machine. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { executable, findOnPath } from './on-path.ts';
import type { Environment } from './supervised.ts';

export interface Java {
  command: string;
  major: number;
}

/** Returns the Java of `JAVA_HOME` or else of the `PATH`, or a sentence on why it does not do for `whom`. */
export async function findJava(env: Environment, whom: string, needed: number): Promise<Java | string> {
  const home = env['JAVA_HOME'];
  const command = (home && (await executable(join(home, 'bin', 'java')))) || (await findOnPath('java', env));
  if (command === undefined) return 'Java is not installed';
  const output = await new Promise<string>((resolve) => {
    execFile(command, ['-version'], (_, stdout, stderr) => resolve(stdout + stderr));
  });
  const major = parseJavaVersion(output);
  if (major === undefined) return `${command} does not tell its version`;
  if (major < needed) return `${command} is Java ${major}, and ${whom} needs ${needed}`;
  return { command, major };
}

/** Returns the major version in what `java -version` prints: 8 for `version "1.8.0_392"`, 17 for `version "17.0.15"`. */
export function parseJavaVersion(output: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(output);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
