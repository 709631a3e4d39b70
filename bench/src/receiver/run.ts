/** `node bench/src/receiver/run.ts [--seconds 60] [--rate 20000]`: a collector under load, for RESULTS.md. Exit code 1: it did not hold. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { withSection } from '../results.ts';
import { faultsOf, latenessOf } from './faults.ts';
import { underLoad } from './load.ts';
import type { Outcome } from './load.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '20000' },
    keep: { type: 'boolean' },
  },
});
const [seconds, rate] = [Number(values.seconds), Number(values.rate)];
const outcome = await underLoad({ spansPerSecond: rate, seconds });
const section = sectionOf(outcome);
console.log(section);
const faults = [...faultsOf(outcome), ...latenessOf(outcome, rate)];
for (const fault of faults) console.error(`FAULT: ${fault}`);
if (faults.length > 0) process.exitCode = 1;
else if (values.keep === true) {
  const page = new URL('../../RESULTS.md', import.meta.url);
  await writeFile(page, withSection(await readFile(page, 'utf8'), section));
}

function sectionOf({ sent, held, waits, samples, statuses }: Outcome): string {
  const at = (part: number): string => `${Math.round(waits[Math.floor((waits.length - 1) * part)] ?? 0)} ms`;
  const mb = (bytes: number | undefined): string => `${Math.round((bytes ?? 0) / 1e6)} MB`;
  const whole = (count: number): string => count.toLocaleString('en-US');
  const full = samples.filter(({ rejected }) => rejected > 0);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const rows = [
    ['spans sent, and how many a second', `${whole(sent)}, ${whole(Math.round(sent / outcome.seconds))}`],
    ['kept, which is the limit', whole(held.spans)],
    ['rejected, and told so by `partial_success`', whole(held.rejected)],
    [
      'exports that were answered, by status',
      [...statuses].map(([status, count]) => `${status}: ${whole(count)}`).join(', '),
    ],
    ['from an export to its answer: median, 99 %, longest', `${at(0.5)}, ${at(0.99)}, ${at(1)}`],
    ['CPU of the collector', `${((held.cpu / 1e6 / outcome.seconds) * 100).toFixed(0)} % of a core`],
    ['its memory when it was full, and at the end', `${mb(full[0]?.memory)}, ${mb(held.memory)}`],
  ];
  return [
    '## receiver',
    '',
    `\`startCollector()\` of default limits, in a process of its own, at ${whole(rate)} spans a second on loopback for ${seconds} seconds: exports of 500 spans with seven attributes each, as JSON, every second one compressed, over 16 connections, from one process that shares the cores. \`node bench/src/receiver/run.ts --keep\` runs it.`,
    '',
    '| what | |',
    '|---|--:|',
    ...rows.map(([what, figure]) => `| ${what} | ${figure} |`),
    '',
    `- Run on ${new Date().toISOString().slice(0, 10)} at ${commit}, Node ${process.version.slice(1)}, ${cpus().length} CPU cores.`,
    '',
  ].join('\n');
}
