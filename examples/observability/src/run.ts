/**
 * Runs the research desk under a real Prometheus, asks it questions, and prints what Prometheus has of them:
 * `node examples/observability/src/run.ts [--model busy-provider] [--questions 20] [--keep]`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMood, MOODS } from '@throughline/example-research-desk/mood';
import type { Mood } from '@throughline/example-research-desk/mood';
import { askAll } from './ask-all.ts';
import { questions } from './questions.ts';
import { SHOWN } from './shown.ts';
import { alertLines, answerLines } from './table.ts';
import { startWatchedDesk } from './watched-desk.ts';
import type { WatchedDesk } from './watched-desk.ts';

const USAGE = `node examples/observability/src/run.ts [options]

  --model MOOD    what the stand-in for the model does: ${MOODS.join(', ')}; mixed by default
  --questions N   how many are asked; 20 by default
  --keep          stays up, with Prometheus, until Ctrl-C
`;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Progress goes to standard error: standard output holds what Prometheus says alone. */
function progress(who: string, text: string): void {
  process.stderr.write(`${who.padEnd(10)}  ${text}\n`);
}

async function show({ prometheus, logs }: WatchedDesk): Promise<void> {
  for (const { title, expression } of SHOWN) {
    print(`\n${title}\n  ${expression}`);
    for (const line of answerLines(await prometheus.query(expression))) print(`    ${line}`);
  }
  print('\nAlerts');
  for (const line of alertLines(await prometheus.alerts())) print(`  ${line}`);
  print('\nLogs');
  for (const name of ['ai.jsonl', 'infrastructure.jsonl']) {
    const lines = (await readFile(join(logs, name), 'utf8')).trimEnd().split('\n');
    print(`  ${name}: ${lines.length} lines, the last one begins\n    ${lines.at(-1)?.slice(0, 300)}`);
  }
}

/** Asks, and shows what came of it; stays until `interrupt` where that is wanted. */
async function watch(desk: WatchedDesk, count: number, interrupt: Promise<void>): Promise<void> {
  const failures = await askAll(desk, questions(count));
  await desk.prometheus.settled();
  print(`${count - failures.length} of ${count} questions were answered.`);
  for (const failure of failures) print(`  not answered: ${failure}`);
  await show(desk);
  if (values.keep) {
    print(`\nPrometheus  ${desk.prometheus.url}/`);
    print(`Alerts      ${desk.prometheus.url}/api/v1/alerts`);
    print(
      `Gateway     curl -d '{"question":"What is an orphan?"}' -H 'content-type: application/json' ${desk.gateway}/questions`,
    );
    print(`Logs        ${desk.logs}`);
    await interrupt;
  }
  const complaints = await desk.dismiss();
  if (complaints.length > 0) throw new Error(complaints.join('\n'));
}

async function run(model: Mood, count: number): Promise<void> {
  const interrupt = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
  await using desk = await startWatchedDesk({ model, onSays: progress });
  await Promise.race([watch(desk, count, interrupt), desk.loss, interrupt]);
}

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'mixed' },
    questions: { type: 'string', default: '20' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const { model } = values;
const count = Number(values.questions);
if (values.help) {
  process.stdout.write(USAGE);
} else if (!isMood(model) || !Number.isInteger(count) || count < 1) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  process.exitCode = await run(model, count).then(
    () => 0,
    (error: unknown) => {
      progress('watch', error instanceof Error ? error.message : String(error));
      return 1;
    },
  );
}
