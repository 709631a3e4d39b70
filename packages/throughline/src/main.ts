#!/usr/bin/env node
import { run } from './run.ts';

async function main(): Promise<void> {
  // Whoever reads has read enough: `throughline check … | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  process.exitCode = await run(process.argv.slice(2), process);
}

void main();
