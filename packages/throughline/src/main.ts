#!/usr/bin/env node
import { run } from './run.ts';

async function main(): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), process);
}

void main();
