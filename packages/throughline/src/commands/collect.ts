import type { CollectOptions } from '../collect.ts';
import type { Register } from './command.ts';
import { port, whole } from './numbers.ts';
import { judging } from './judging-options.ts';

export const registerCollect: Register = (program, surroundings, exit) => {
  judging(program.command('collect'))
    .description('Runs a command, collects the spans that it and all that it starts export, and judges them.')
    .argument('<command...>', 'the command, after --')
    .option('--time-limit <seconds>', 'ends the command after it; what came is judged', whole)
    .option(
      '--settle <ms>',
      'milliseconds without a new span, after the command, until it is judged (default: what exporters need)',
      whole,
    )
    .option('--port <number>', 'where to listen, for exporters whose endpoint is fixed (default: a free one)', port)
    .option('--output <file>', 'a file that keeps the spans, as OTLP/JSON')
    .addHelpText('after', examples)
    .action(async (command: string[], options: CollectOptions) => {
      const { collect } = await import('../collect.ts');
      exit(await collect(command, options, surroundings));
    });
};

const examples = `
Examples:
  $ throughline collect -- npm test
  $ throughline collect --services gateway,planner --output spans.jsonl -- node system.js
  $ throughline collect --time-limit 60 --port 4317 -- ./servers.sh

The command's exporters are pointed at a collector of ours, by the environment: OTLP over HTTP and gRPC, on one port.
A first Ctrl-C goes to the command, and what came is judged; a second one ends all at once.
Exit codes: that of the command; where it is 0, 0 sound, 1 broken, 2 cannot judge.`;
