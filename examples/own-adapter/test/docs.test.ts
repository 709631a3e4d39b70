import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const here = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

it('docs/ADAPTERS.md shows the adapter byte for byte, and it has 60 lines or fewer', () => {
  const adapter = here('../src/trace-queue.ts');
  expect(here('../../../docs/ADAPTERS.md')).toContain(`\`\`\`ts\n${adapter}\`\`\``);
  expect(adapter.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
});

it('an order that goes through the queue is one sound trace', async () => {
  const main = new URL('../src/main.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [main]);
  expect(stdout).toMatch(
    /place order[^]*PRODUCER send orders[^]*own-queue orders ──▶ .* CONSUMER process orders[^]*bill/,
  );
});
