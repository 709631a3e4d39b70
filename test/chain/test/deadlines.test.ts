import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const service = fileURLToPath(new URL('./services/deadlines.ts', import.meta.url));

/** Returns how many bytes a service holds for each of its requests, once they are answered. */
async function heldBy(way: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', service, way]);
  return (JSON.parse(stdout) as { bytes: number }).bytes;
}

// Each POST has a body of 82 kB, which it held for 23 days, or until an honest deadline.
test.each(['signal', 'listener', 'fetch', 'fetch with a signal of its own', 'undici', 'mcp', 'withDeadline'])(
  'a deadline that is far away holds no request which is over: %s',
  async (way) => {
    expect(await heldBy(way)).toBeLessThan(20_000);
  },
);
