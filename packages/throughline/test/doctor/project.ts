import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Diagnosis } from '../../src/doctor/diagnose.ts';
import type { Finding, FindingCode } from '../../src/doctor/finding.ts';
import { run } from '../../src/run.ts';

/** A folder of its own, with files by their paths; an object is written as JSON. */
export class TemporaryProject implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'throughline-doctor-test-'));

  constructor(files: Readonly<Record<string, object | string>>) {
    this.write(files);
  }

  write(files: Readonly<Record<string, object | string>>): void {
    for (const [name, content] of Object.entries(files)) {
      const file = join(this.folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Doctored {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `throughline doctor` with nothing in the environment but what is given. */
export async function doctor(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Doctored> {
  let [stdout, stderr] = ['', ''];
  const code = await run(['doctor', ...args], {
    stdin: (async function* () {})(),
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: { PATH: process.env['PATH'], ...env },
  });
  return { code, stdout, stderr };
}

/** Returns the findings of a project, those of a code where one is given. */
export async function findings(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<readonly Finding[]> {
  const { stdout, stderr } = await doctor(['--json', ...args], env);
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as Diagnosis).findings;
}

export function coded(found: readonly Finding[], code: FindingCode): Finding[] {
  return found.filter((finding) => finding.code === code);
}

/** A lockfile of npm for packages by their folders. */
export function npmLock(packages: Readonly<Record<string, object>>): object {
  return { lockfileVersion: 3, packages };
}
