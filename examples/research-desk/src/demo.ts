/**
 * Starts the research desk, asks it a question, and has `throughline check` judge the trace that this leaves:
 * `pnpm demo [--over rabbitmq] [--break kafka] [--model busy-provider] [--output spans.json] [question words…]`. Exits 0 only when there is an answer and one whole trace.
 */
import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatOtlpJson, renderTree, startCollector } from '@throughline/verify';
import { run as throughline } from 'throughline';
import { breakable, killedBy } from './breaking.ts';
import { isMood, MOODS } from './mood.ts';
import { crew } from './processes.ts';
import { isRoad, ROADS } from './roads/names.ts';
import type { RoadName } from './roads/names.ts';
import { startRoad } from './roads/start.ts';
import type { RunningRoad } from './roads/start.ts';
import { askDesk, startDesk } from './start-desk.ts';

const DEFAULT_QUESTION = 'Which context does a Kafka handler run in?';
const RUN_DEADLINE_MS = 300_000;
const TEARDOWN_DEADLINE_MS = 10_000;
const CONTRACT = fileURLToPath(new URL('../contract.yaml', import.meta.url));
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const began = performance.now();
const agents = crew({ onSays: progress });
let road: RunningRoad | undefined;

/** Progress goes to standard error: standard output holds the answer, the tree and the report alone. */
function progress(who: string, text: string): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(2);
  process.stderr.write(`${seconds.padStart(6)} s  ${who.padEnd(9)}  ${text}\n`);
}

/** Runs the desk for one question; resolves with whether that gave an answer and one whole trace. */
async function run(question: string, over: RoadName): Promise<boolean> {
  const collector = await startCollector();
  progress('demo', `collects spans at ${collector.url}`);
  road = await startRoad(over, (line) => progress('broker', line));

  const gateway = await startDesk(agents, {
    road,
    otlp: collector.url,
    analysts: Number(values.analysts),
    env: { DESK_MODEL: values.model, ...(broken === undefined ? undefined : { DESK_BREAK: broken }) },
  });
  progress('demo', `asks: ${question}`);
  const reply = await askDesk(gateway, question);
  progress('demo', `has ${'error' in reply ? 'no' : 'the'} answer, stops the agents`);
  const killed = killedBy(broken);
  if (killed !== undefined) await agents.kill(killed);
  const complaints = await agents.dismiss();

  const spans = collector.spans();
  print('error' in reply ? `No answer: ${reply.error}` : `${reply.question}\n\n${reply.text}`);
  print(renderTree(spans, { color: process.stdout.isTTY }));
  process.stdout.write('\n');
  const isSound = (await judge(formatOtlpJson(spans))) === 0;
  const lost = collector.rejected() + collector.refused();
  if (lost > 0) complaints.push(`could not keep ${lost} of the spans and exports`);
  for (const complaint of complaints) progress('demo', complaint);
  return !('error' in reply) && complaints.length === 0 && isSound;
}

/** Judges spans as `throughline check` does, and keeps them where that is asked for. Resolves with its exit code. */
async function judge(otlpJson: string): Promise<number> {
  if (values.output !== undefined) await writeFile(values.output, otlpJson);
  const { stdout, stderr, env } = process;
  const surroundings = { stdin: Readable.from([otlpJson]), stdout, stderr, env };
  return throughline(['check', '-', '--expect', 'one-trace', '--contract', CONTRACT], surroundings);
}

function print(text: string): void {
  process.stdout.write(`\n${text}\n`);
}

/** Resolves with the exit code of the first signal; a second one ends this process on the spot. */
function interruption(): Promise<number> {
  return new Promise((resolve) => {
    for (const [signal, code] of Object.entries(SIGNALS)) {
      let again = false;
      process.on(signal, () => {
        if (again) process.exit(code);
        again = true;
        progress('demo', `${signal}: stops everything`);
        resolve(code);
      });
    }
  });
}

async function lateness(): Promise<never> {
  await delay(RUN_DEADLINE_MS, undefined, { ref: false });
  throw new Error(`The demo was not done within ${RUN_DEADLINE_MS / 1000} s`);
}

// Whatever ends this process, an uncaught error too, ends the agents; the broker watches for that itself.
process.on('exit', () => void agents.kill());
const { values, positionals } = parseArgs({
  options: {
    break: { type: 'string' },
    model: { type: 'string', default: 'well' },
    over: { type: 'string', default: 'kafka' },
    output: { type: 'string' },
    analysts: { type: 'string', default: '2' },
  },
  allowPositionals: true,
});
const { over, break: broken } = values;
if (!isRoad(over)) {
  process.stderr.write(`--over takes ${ROADS.join(', ')}, not ${over}\n`);
  process.exit(1);
}
if (broken !== undefined && !breakable(over).includes(broken)) {
  process.stderr.write(`--break takes ${breakable(over).join(', ')}, not ${broken}\n`);
  process.exit(1);
}
if (!isMood(values.model)) {
  process.stderr.write(`--model takes ${MOODS.join(', ')}, not ${values.model}\n`);
  process.exit(1);
}
const question = positionals.join(' ').trim() || DEFAULT_QUESTION;
const code = await Promise.race([
  run(question, over).then((whole) => (whole ? 0 : 1)),
  agents.loss,
  interruption(),
  lateness(),
]).catch((error: unknown) => {
  progress('demo', error instanceof Error ? error.message : String(error));
  return 1;
});
await Promise.race([Promise.allSettled([agents.kill(), road?.stop()]), delay(TEARDOWN_DEADLINE_MS)]);
process.exit(code);
