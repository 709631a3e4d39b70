/** What the processes of a stage say to each other. */

/** Tells whoever forked this process where it listens. */
export function ready(url: string): void {
  process.send?.({ url });
}

/** Resolves when this process is asked to stop. */
export async function untilStopped(): Promise<void> {
  // The listener stays: OpenAI Agents exits the process where it finds no other one, with spans that are not yet exported.
  await new Promise<void>((resolve) => process.on('SIGTERM', () => resolve()));
}
