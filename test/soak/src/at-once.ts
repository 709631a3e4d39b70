/** Runs `work` so many times, a group of them at once, and resolves once all have come back. */
export async function inGroups(count: number, atOnce: number, work: () => Promise<void>): Promise<number> {
  for (let at = 0; at < count; at += atOnce) await Promise.all(Array.from({ length: atOnce }, work));
  return count;
}
