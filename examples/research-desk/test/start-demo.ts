import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const REPOSITORY: string = fileURLToPath(new URL('../../..', import.meta.url));

export interface Demo {
  readonly pid: number;
  /** What came so far on standard error. */
  progress(): string;
  /** Resolves when it has ended and its output is closed. */
  readonly ended: Promise<{ code: number | null; output: string; progress: string }>;
}

/** Starts the demo as a user does, with these words on its command line. */
export function startDemo(words: readonly string[], env: Readonly<Record<string, string>>): Demo {
  const child = spawn(process.execPath, ['examples/research-desk/src/demo.ts', ...words], {
    cwd: REPOSITORY,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let progress = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (progress += chunk.toString()));
  return {
    pid: child.pid ?? -1,
    progress: () => progress,
    ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, output, progress }))),
  };
}
