import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Elsewhere {
  starter: ChildProcess;
  /** Of the server. */
  pid: number;
  folder: string;
}

/** Starts a server from a process of its own, which ends by itself when `then` is `'leave'`. */
export async function startElsewhere(kind: string, env: NodeJS.ProcessEnv, then?: 'leave'): Promise<Elsewhere> {
  const program = fileURLToPath(new URL('./starter.ts', import.meta.url));
  const starter = spawn(process.execPath, [program, kind, ...(then ? [then] : [])], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: starter.stdout })) {
    return { starter, ...(JSON.parse(line) as { pid: number; folder: string }) };
  }
  throw new Error('the starter said nothing');
}
