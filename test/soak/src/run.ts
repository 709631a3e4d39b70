import { fork } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Effort, Said } from './child.ts';
import { faultsOf, lineOf } from './report.ts';

const scenarios = [
  'express',
  'fetch',
  'mcp',
  'topics',
  'outage',
  'outage-rabbitmq',
  'outage-nats',
  'outage-bullmq',
  'outage-sqs',
  'chains',
];

const usage = `pnpm soak [SCENARIO…] [--minutes N] [--seconds N] [--count N] [--seed N]

Runs each scenario, or all: ${scenarios.join(', ')}. A path to a .ts file is a scenario too.
--minutes, --seconds   how long each of them runs
--count                how many requests, calls or messages each of them makes; the default is its own count
--seed                 of what is drawn at random; default 1

Exit code 0: no bound was broken. 1: one was. 2: wrong arguments.
`;

function wrong(what: string): never {
  process.stderr.write(`${what}\n\n${usage}`);
  process.exit(2);
}

function given(): ReturnType<typeof parse> {
  try {
    return parse();
  } catch (error) {
    return wrong((error as Error).message);
  }
}

function parse() {
  return parseArgs({
    args: process.argv.slice(2).filter((arg) => arg !== '--'),
    allowPositionals: true,
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      count: { type: 'string' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : wrong(`--${option} takes a number above 0, not '${text}'`);
}

function fileOf(name: string): URL {
  if (name.endsWith('.ts')) return pathToFileURL(name);
  if (!scenarios.includes(name)) wrong(`no scenario is called '${name}'`);
  return new URL(`./scenarios/${name}.ts`, import.meta.url);
}

/** Runs one scenario in a process of its own; returns what it said, or how it ended without a word. */
async function runApart(file: URL, effort: Effort): Promise<Said | string> {
  const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [file.href, JSON.stringify(effort)], {
    // kafkajs sets timers to the past.
    execArgv: ['--expose-gc', '--disable-warning=TimeoutNegativeWarning'],
  });
  let said: Said | undefined;
  child.on('message', (message) => (said = message as Said));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return said ?? `its process ended with ${signal ?? `code ${code}`}`;
}

const { values, positionals } = given();
if (values.help === true) {
  process.stdout.write(usage);
  process.exit(0);
}
const minutes = positive('minutes', values.minutes);
const effort: Effort = {
  seconds: positive('seconds', values.seconds) ?? (minutes === undefined ? undefined : minutes * 60),
  count: positive('count', values.count),
  seed: positive('seed', values.seed) ?? 1,
};
const names = positionals.length === 0 ? scenarios : positionals;
for (const [name, file] of names.map((name) => [basename(name, '.ts'), fileOf(name)] as const)) {
  const said = await runApart(file, effort);
  let faults: string[] = [];
  if (typeof said === 'string') faults = [said];
  else if ('skipped' in said) process.stdout.write(`${name}: skipped: ${said.skipped}\n`);
  else {
    process.stdout.write(`${lineOf(said.report)}\n`);
    faults = faultsOf(said.report);
  }
  for (const fault of faults) process.stdout.write(`${name}: FAULT: ${fault}\n`);
  if (faults.length > 0) {
    process.exitCode = 1;
    process.stdout.write(`${name}: once more with --seed ${effort.seed}\n`);
  }
}
