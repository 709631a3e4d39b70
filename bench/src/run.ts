import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { agent } from './agent/benchmark.ts';
import { check } from './check/benchmark.ts';
import { desk } from './desk/benchmark.ts';
import type { Effort } from './measure.ts';
import { httpClients } from './http/clients.ts';
import { express } from './http/express.ts';
import { fastify } from './http/fastify.ts';
import { web } from './http/web.ts';
import { kafkaBenchmarks } from './kafka.ts';
import { mcpBenchmarks } from './mcp/benchmarks.ts';
import { queueBenchmarks } from './queues/benchmarks.ts';
import { propagator } from './propagator.ts';
import { render, withSection } from './results.ts';
import type { Report } from './results.ts';

const benchmarks: Readonly<Record<string, (effort: Effort) => Promise<Report>>> = {
  propagator,
  express,
  fastify,
  web,
  'http-clients': httpClients,
  ...mcpBenchmarks,
  ...kafkaBenchmarks,
  check,
  agent,
  desk,
  ...queueBenchmarks,
};

const QUICK: Effort = { processes: 1, rounds: 12, scale: 0.5 };
const FULL: Effort = { processes: 2, rounds: 24, scale: 1 };

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const given = args.filter((arg) => arg !== '--' && !arg.startsWith('--'));
const names = given.length === 0 ? Object.keys(benchmarks) : given;
const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  console.error(`no benchmark named ${unknown.join(', ')}. There are: ${Object.keys(benchmarks).join(', ')}`);
  process.exit(1);
}

const file = new URL('../RESULTS.md', import.meta.url);
const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
// Of what is not committed, sections that are written here do not count.
const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':/', ':(top,exclude)bench/RESULTS.md');
const commit = `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '-dirty'}`;
const ran = `Run on ${new Date().toISOString().slice(0, 10)} at ${commit}, Node ${process.version.slice(1)}, ${cpus().length} CPU cores.`;
for (const name of names) {
  const report = await benchmarks[name]?.(quick ? QUICK : FULL);
  if (report === undefined) continue;
  const section = render(report, ran);
  console.log(section);
  // At once, so that what comes after may fail.
  if (!quick) await writeFile(file, withSection(await readFile(file, 'utf8'), section));
}
