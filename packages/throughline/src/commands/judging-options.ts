import { Option } from 'commander';
import type { Command } from 'commander';

/** Gives a command the options of everything that judges. */
export function judging(command: Command): Command {
  return command
    .option('--services <names>', 'the services that the capture should hold, by commas', listOf)
    .option('--contract <file>', 'the hops that there have to be, in YAML or JSON')
    .option('--write-contract <file>', 'writes the contract that this run fulfils')
    .addOption(
      new Option('--expect <what>', 'what the capture should be').choices(['chains', 'one-trace']).default('chains'),
    )
    .addOption(
      new Option('--format <format>', 'of the report').choices(['text', 'json', 'junit', 'sarif']).default('text'),
    )
    .option('--tree', 'with text: draws what caused what above the findings; of a large capture, what is broken')
    .addOption(
      new Option('--fail-on <severity>', 'the least that is a failure').choices(['error', 'warning']).default('error'),
    );
}

/** The names in a list by commas. */
export function listOf(names: string): string[] {
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
