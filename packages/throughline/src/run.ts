import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { check } from './check.ts';
import { collect } from './collect.ts';
import type { CollectOptions } from './collect.ts';
import { CANNOT_JUDGE } from './exit-codes.ts';
import type { ReportOptions } from './report.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * Runs the `throughline` command with these arguments, and returns its exit code: 0 sound, 1 broken, 2 where it cannot judge. Writes the
 * report to `stdout` and everything else to `stderr`. Throws nothing.
 */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  let exitCode = CANNOT_JUDGE;
  const program = new Command('throughline')
    .description('Keeps one causal trace unbroken across agents, queues and tools.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('(add --help for what it takes)');
  judging(program.command('check'))
    .description('Judges OpenTelemetry spans of any tracer, and names the boundary at which a chain broke.')
    .argument(
      '<files...>',
      'OTLP/JSON, one object or one a line; Jaeger JSON; Zipkin JSON; globs; - for standard input',
    )
    .addHelpText('after', checkExamples)
    .action(async (files: string[], options: ReportOptions) => {
      exitCode = await check(files, options, surroundings);
    });
  judging(program.command('collect'))
    .description('Runs a command, collects the spans that it and all that it starts export, and judges them.')
    .argument('<command...>', 'the command, after --')
    .option('--settle <ms>', 'milliseconds without a new span, after the command, until it is judged', whole, 1000)
    .option('--output <file>', 'a file that keeps the spans, as OTLP/JSON')
    .addHelpText('after', collectExamples)
    .action(async (command: string[], options: CollectOptions) => {
      exitCode = await collect(command, options, surroundings);
    });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : CANNOT_JUDGE;
    stderr.write(`throughline: ${error instanceof Error ? error.message : String(error)}\n`);
    return CANNOT_JUDGE;
  }
}

/** Gives a command the options of everything that judges. */
function judging(command: Command): Command {
  return command
    .option('--services <names>', 'the services that the capture should hold, by commas', listOf)
    .option('--contract <file>', 'the hops that there have to be, in YAML or JSON')
    .option('--write-contract <file>', 'writes the contract that this run fulfils')
    .addOption(
      new Option('--expect <what>', 'what the capture should be').choices(['chains', 'one-trace']).default('chains'),
    )
    .addOption(new Option('--format <format>', 'of the report').choices(['text', 'json', 'junit']).default('text'))
    .addOption(
      new Option('--fail-on <severity>', 'the least that is a failure').choices(['error', 'warning']).default('error'),
    );
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It takes a whole number of milliseconds, such as 2000.');
  return Number(text);
}

function listOf(names: string): string[] {
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

const checkExamples = `
Examples:
  $ throughline check spans.json
  $ throughline check 'captures/*.jsonl' --services gateway,planner,analyst
  $ docker logs collector | throughline check - --format junit > chains.xml

Exit codes: 0 sound, 1 broken, 2 cannot judge: no spans, or a file that cannot be read.`;

const collectExamples = `
Examples:
  $ throughline collect -- npm test
  $ throughline collect --services gateway,planner --output spans.jsonl -- node system.js

The command's exporters are pointed at a collector of ours, by the environment: OTLP over HTTP.
Exit codes: that of the command; where it is 0, 0 sound, 1 broken, 2 cannot judge.`;
