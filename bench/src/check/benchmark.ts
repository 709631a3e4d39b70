import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Effort } from '../measure.ts';
import type { Report, Result } from '../results.ts';
import type { Told } from './child.ts';
import { writeCapture } from './write-capture.ts';
import type { CaptureSize } from './write-capture.ts';

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
const ROUNDS = 3;
/** How often the time of `JSON.parse` a capture may take to judge. */
const TARGET = 2;

interface Capture extends CaptureSize {
  readonly what: string;
  readonly rounds: number;
}

const captures: readonly Capture[] = [
  { what: '100,000 spans, one trace', traces: 1, spansEach: 100_000, rounds: ROUNDS },
  { what: '1,000,000 spans, 10,000 traces', traces: 10_000, spansEach: 100, rounds: ROUNDS },
  // More than five gigabytes, and minutes.
  ...(process.env['BENCH_LARGE'] === undefined
    ? []
    : [{ what: '7,000,000 spans, 70,000 traces', traces: 70_000, spansEach: 100, rounds: 1 }]),
];

/** Compares judging a capture of OTLP lines with parsing them. */
export async function check({ processes }: Effort): Promise<Report> {
  const results: Result[] = [];
  const notes: string[] = [];
  for (const capture of processes === 1 ? captures.slice(0, 1) : captures) {
    const folder = await mkdtemp(join(tmpdir(), 'throughline-bench-'));
    try {
      const file = join(folder, 'traces.jsonl');
      const bytes = await writeCapture(file, capture);
      const [ours, theirs] = await inTurns(file, capture.rounds);
      const micros = ({ cpu, spans }: Told): number => (cpu * 1000) / spans;
      const { what } = capture;
      results.push({
        what,
        opponent: '`JSON.parse` of the same lines',
        ours: micros(ours),
        theirs: micros(theirs),
        target: TARGET,
      });
      const gigabytes = (bytes / 1e9).toFixed(2);
      notes.push(
        `${what}, a file of ${gigabytes} GB: ${seconds(ours)} of CPU and ${megabytes(ours)} at the most; \`JSON.parse\` ${seconds(theirs)} and ${megabytes(theirs)}.`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  return {
    title: 'check',
    method:
      '`ChainChecker` reads a file of OTLP lines and judges it: CPU a span, in a process of its own, from the first byte to the report. The opponent reads the same file, parses each line and drops it. Spans are calls over HTTP, Kafka and MCP with three to eleven attributes each, 512 a line, all sound.',
    results,
    notes,
  };
}

/** Returns the medians of both, each in a process of its own, one after the other. */
async function inTurns(file: string, rounds: number): Promise<[Told, Told]> {
  const ours: Told[] = [];
  const theirs: Told[] = [];
  for (let round = 0; round < rounds; round++) {
    theirs.push(await childOf('parse', file));
    ours.push(await childOf('check', file));
  }
  return [median(ours), median(theirs)];
}

async function childOf(mode: 'parse' | 'check', file: string): Promise<Told> {
  const { stdout } = await run(process.execPath, ['--no-warnings', CHILD, mode, file]);
  return JSON.parse(stdout) as Told;
}

function median(all: readonly Told[]): Told {
  return [...all].sort((a, b) => a.cpu - b.cpu)[Math.floor(all.length / 2)] as Told;
}

function seconds({ cpu }: Told): string {
  return `${(cpu / 1000).toFixed(1)} s`;
}

function megabytes({ memory }: Told): string {
  return `${Math.round(memory / 1e6)} MB`;
}
