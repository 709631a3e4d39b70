import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import type { Effort } from './measure.ts';
import { express } from './express.ts';
import { kafka } from './kafka.ts';
import { mcpBenchmarks } from './mcp/benchmarks.ts';
import { propagator } from './propagator.ts';
import { met, render } from './results.ts';
import type { Report } from './results.ts';

const benchmarks: Readonly<Record<string, (effort: Effort) => Promise<Report>>> = {
  propagator,
  express,
  ...mcpBenchmarks,
  kafka,
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

const reports: Report[] = [];
for (const name of names) {
  const report = await benchmarks[name]?.(quick ? QUICK : FULL);
  if (report === undefined) continue;
  console.log(render(report));
  reports.push(report);
}

const all = names.length === Object.keys(benchmarks).length;
if (all && !quick) {
  const results = reports.flatMap((report) => report.results);
  const targets = results.filter((result) => met(result) !== undefined);
  await writeFile(
    new URL('../RESULTS.md', import.meta.url),
    [
      '# Results',
      '',
      `${targets.filter(met).length} of ${targets.length} targets met. Written by \`pnpm bench\` on ${new Date().toISOString().slice(0, 10)}, Node ${process.version.slice(1)}, ${cpus().length} CPU cores.`,
      '',
      "Every ratio is ours to the opponent's, measured in one run: CPU time (user and system) by `process.cpuUsage`, one process for each variant where a section does not say otherwise, the variants in turns once V8 is done with compiling them, medians over rounds. Where a bare cost is given, both numbers are what is added to it. All variants run on OpenTelemetry SDK 3, everything sampled where a row does not say otherwise, `BatchSpanProcessor` with an exporter that drops. Rows without a target inform.",
      '',
      ...reports.map(render),
    ].join('\n'),
  );
}
