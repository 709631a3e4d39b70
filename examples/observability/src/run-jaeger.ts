/**
 * Sends the research desk's spans to a real Jaeger, and has `throughline check` judge what Jaeger gives back, and the spans themselves: both have to be
 * judged alike. `[JAEGER_BINARY=…] node examples/observability/src/run-jaeger.ts [--keep] [question words…]`. Not part of CI: to build Jaeger
 * takes minutes.
 */
import { Readable, Writable } from 'node:stream';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { crew } from '@throughline/example-research-desk/processes';
import { startRoad } from '@throughline/example-research-desk/roads';
import { askDesk, startDesk } from '@throughline/example-research-desk/start-desk';
import { formatOtlpJson, startCollector } from '@throughline/verify';
import { run as throughline } from 'throughline';
import * as z from 'zod';
import { startJaeger } from './jaeger.ts';
import { startTee } from './tee.ts';

const DEFAULT_QUESTION = 'Which context does a Kafka handler run in?';

function progress(who: string, text: string): void {
  process.stderr.write(`${who.padEnd(10)}  ${text}\n`);
}

/** Resolves with what the command prints of these spans, given a source of them and a format. */
async function judged(source: readonly string[], input: string, format: 'text' | 'json'): Promise<string> {
  let report = '';
  const stdout = new Writable({
    write: (chunk: Buffer, _, done) => {
      report += chunk.toString();
      done();
    },
  });
  const surroundings = { stdin: Readable.from([input]), stdout, stderr: process.stderr, env: process.env };
  await throughline(['check', ...source, '--expect', 'one-trace', '--format', format], surroundings);
  return report;
}

/** A report without its times, of which Jaeger keeps microseconds, and without its order, in which what began at once may be either way. */
function comparable(report: string): unknown {
  const { criticalPath: _, trees, ...rest } = Report.parse(JSON.parse(report));
  const parts = trees.flatMap(({ rows }) => rows.map(({ spanId, depth }) => [spanId, depth].join(' ')));
  return unordered({ ...rest, trees: parts });
}

function unordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => JSON.stringify(unordered(item))).toSorted();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, unordered(one)]));
}

const Report = z.looseObject({
  verdict: z.string(),
  criticalPath: z.unknown(),
  trees: z.array(z.object({ rows: z.array(z.object({ spanId: z.string(), depth: z.number() })) })),
});

async function run(question: string): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  const jaeger = stack.use(await startJaeger((text) => progress('jaeger', text)));
  const collector = await startCollector();
  stack.defer(() => collector.close());
  const tee = stack.use(await startTee(collector.url, jaeger.otlp));
  const road = await startRoad('kafka', (line) => progress('kafka', line));
  stack.defer(() => road.stop());
  const agents = crew({ onSays: progress });
  const kill = (): void => void agents.kill();
  process.on('exit', kill);
  stack.defer(() => agents.kill());

  const gateway = await startDesk(agents, { road, otlp: tee.url });
  const reply = await Promise.race([askDesk(gateway, question), agents.loss]);
  const complaints = await agents.dismiss();
  const spans = collector.spans();
  const otlpJson = formatOtlpJson(spans);
  const fromJaeger = ['--from', `jaeger=${jaeger.url}`];
  process.stdout.write(`${await judged(fromJaeger, '', 'text')}\n`);
  const [byJaeger, bySpans] = [await judged(fromJaeger, '', 'json'), await judged(['-'], otlpJson, 'json')].map(
    comparable,
  );
  const isAlike = isDeepStrictEqual(byJaeger, bySpans);
  process.stdout.write(`The spans themselves are judged ${isAlike ? 'alike' : 'otherwise'}.\n`);
  if (!isAlike) process.stdout.write(`${await judged(['-'], otlpJson, 'text')}\n`);
  for (const id of new Set(spans.map(({ traceId }) => traceId))) process.stdout.write(`${jaeger.url}/trace/${id}\n`);
  for (const complaint of complaints) progress('jaeger', complaint);
  if (values.keep) {
    progress('jaeger', 'stays until Ctrl-C');
    await new Promise((resolve) => process.once('SIGINT', resolve));
  }
  return isAlike && complaints.length === 0 && !('error' in reply);
}

const { values, positionals } = parseArgs({
  options: { keep: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const isWell = await run(positionals.join(' ').trim() || DEFAULT_QUESTION).catch((error: unknown) => {
  progress('jaeger', error instanceof Error ? error.message : String(error));
  return false;
});
process.exitCode = isWell ? 0 : 1;
