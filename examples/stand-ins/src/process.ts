/** What the processes of a stage say to each other. */
import { once } from 'node:events';

/** Tells whoever forked this process where it listens. */
export function ready(url: string): void {
  process.send?.({ url });
}

/** Resolves when this process is asked to stop. */
export async function untilStopped(): Promise<void> {
  await once(process, 'SIGTERM');
}
