import { execFileSync } from 'node:child_process';

/** Returns whether a process runs; one that ended and only waits to be collected does not. */
export function isRunning(pid: number | undefined): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('Z');
  } catch {
    return false;
  }
}
