import { Command, CommanderError } from 'commander';
import { registerCheck } from './commands/check.ts';
import { registerCollect } from './commands/collect.ts';
import { registerDoctor } from './commands/doctor.ts';
import type { Register } from './commands/command.ts';
import { registerProbe } from './commands/probe.ts';
import { registerCompletion } from './commands/completion.ts';
import { CANNOT_JUDGE } from './exit-codes.ts';
import type { Surroundings } from './surroundings.ts';
import { version } from './version.ts';

/** In the order of `--help`. */
const commands: readonly Register[] = [
  // One a line.
  registerCheck,
  registerCollect,
  registerDoctor,
  registerProbe,
  registerCompletion,
];

/**
 * Runs the `throughline` command with these arguments, and returns its exit code: 0 sound, 1 broken, 2 where it cannot judge. Writes the
 * report to `stdout` and everything else to `stderr`. Throws nothing.
 */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  let exitCode = CANNOT_JUDGE;
  const program = new Command('throughline')
    .description('Keeps one causal trace unbroken across agents, queues and tools.')
    .version(version)
    .addHelpText('after', examples)
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('(add --help for what it takes)');
  for (const register of commands) register(program, surroundings, (code) => (exitCode = code));
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : CANNOT_JUDGE;
    stderr.write(`throughline: ${error instanceof Error ? error.message : String(error)}\n`);
    return CANNOT_JUDGE;
  }
}

const examples = `
Examples:
  $ throughline check spans.json
  $ throughline collect --services gateway,planner -- npm test
  $ throughline help check`;
