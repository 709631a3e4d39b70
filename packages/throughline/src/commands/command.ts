import type { Command } from 'commander';
import type { Surroundings } from '../surroundings.ts';

/**
 * Adds a command to the program: its arguments, options and examples. What it runs is imported when it runs, so that `--help` and the
 * other commands start without it. `exit` takes its exit code.
 */
export type Register = (program: Command, surroundings: Surroundings, exit: (code: number) => void) => void;
