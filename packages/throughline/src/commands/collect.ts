import { InvalidArgumentError } from 'commander';
import type { CollectOptions } from '../collect.ts';
import type { Register } from './command.ts';
import { judging } from './judging-options.ts';

export const registerCollect: Register = (program, surroundings, exit) => {
  judging(program.command('collect'))
    .description('Runs a command, collects the spans that it and all that it starts export, and judges them.')
    .argument('<command...>', 'the command, after --')
    .option('--settle <ms>', 'milliseconds without a new span, after the command, until it is judged', whole, 1000)
    .option('--output <file>', 'a file that keeps the spans, as OTLP/JSON')
    .addHelpText('after', examples)
    .action(async (command: string[], options: CollectOptions) => {
      const { collect } = await import('../collect.ts');
      exit(await collect(command, options, surroundings));
    });
};

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It takes a whole number of milliseconds, such as 2000.');
  return Number(text);
}

const examples = `
Examples:
  $ throughline collect -- npm test
  $ throughline collect --services gateway,planner --output spans.jsonl -- node system.js

The command's exporters are pointed at a collector of ours, by the environment: OTLP over HTTP.
Exit codes: that of the command; where it is 0, 0 sound, 1 broken, 2 cannot judge.`;
