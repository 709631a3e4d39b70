import { Option } from 'commander';
import type { Started } from '../doctor/live/run-probe.ts';
import type { Register } from './command.ts';
import { whole } from './numbers.ts';

interface Given {
  readonly import?: readonly string[];
  readonly require?: readonly string[];
  readonly run?: boolean;
  readonly wait: number;
  readonly json?: boolean;
}

export const registerDoctor: Register = (program, surroundings, exit) => {
  const command = program.command('doctor');
  command
    .description('Looks at a project, and tells what will break its tracing.')
    .argument('[folder]', 'the folder of the project, or of a workspace; with --run, the command in its place')
    .argument('[command...]', 'the command, after --')
    .option('--import <file>', 'runs the set-up in it and looks at what it registers, as node --import does', several)
    .option('--require <file>', 'the same, as node --require does', several)
    .addOption(
      new Option('--run', 'runs a command and looks at what its processes register').conflicts(['import', 'require']),
    )
    .option('--wait <ms>', 'milliseconds in which it has to register', whole, 5000)
    .option('--json', 'writes the diagnosis as JSON')
    .addHelpText('after', examples)
    .action(async (folder: string | undefined, rest: string[], given: Given) => {
      const isRun = given.run === true;
      const words = folder === undefined ? rest : [folder, ...rest];
      if (isRun && words.length === 0) command.error('error: --run takes a command, after --');
      if (!isRun && rest.length > 0)
        command.error(`error: one folder is looked at; a command needs --run: doctor --run -- ${rest.join(' ')}`);
      const { doctor } = await import('../doctor/doctor.ts');
      const started = startedBy(given, words);
      exit(
        await doctor(
          isRun ? '.' : (folder ?? '.'),
          { waitMs: given.wait, json: given.json === true, ...(started === undefined ? {} : { started }) },
          surroundings,
        ),
      );
    });
};

function startedBy(given: Given, command: readonly string[]): Started | undefined {
  if (given.run === true) return { kind: 'command', command };
  const { import: imports = [], require: requires = [] } = given;
  return imports.length + requires.length === 0 ? undefined : { kind: 'set-up', imports, requires };
}

function several(file: string, before: readonly string[] = []): readonly string[] {
  return [...before, file];
}

const examples = `
Examples:
  $ throughline doctor
  $ throughline doctor services/gateway --import ./telemetry.js
  $ throughline doctor --run -- node --import ./telemetry.js server.js

Files are those of the project's folder. What is run exports no span of the doctor's; it is ended by SIGTERM.
Exit codes: 0 no error, 1 some, 2 cannot look: no project, or neither node_modules nor a lockfile.`;
