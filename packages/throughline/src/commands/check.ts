import { InvalidArgumentError } from 'commander';
import type { ReportOptions } from '../report.ts';
import type { Register } from './command.ts';
import { judging } from './judging-options.ts';

export const registerCheck: Register = (program, surroundings, exit) => {
  judging(program.command('check'))
    .description('Judges OpenTelemetry spans of any tracer, and names the boundary at which a chain broke.')
    .argument(
      '<files...>',
      'OTLP/JSON, one object or one a line; Jaeger JSON; Zipkin JSON; globs; - for standard input',
    )
    .option('--settle-ms <ms>', 'what ended less than so long before the last span is not said to miss anything', whole)
    .addHelpText('after', examples)
    .action(async (files: string[], options: ReportOptions) => {
      const { check } = await import('../check.ts');
      exit(await check(files, options, surroundings));
    });
};

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It takes a whole number of milliseconds, such as 5000.');
  return Number(text);
}

const examples = `
Examples:
  $ throughline check spans.json
  $ throughline check 'captures/*.jsonl' --services gateway,planner,analyst
  $ docker logs collector | throughline check - --format junit > chains.xml

Exit codes: 0 sound, 1 broken, 2 cannot judge: no spans, or a file that cannot be read.`;
