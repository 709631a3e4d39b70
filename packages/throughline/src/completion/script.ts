import type { Command } from 'commander';
import { bash } from './bash.ts';
import type { CompletedCommand } from './completed-command.ts';
import { fish } from './fish.ts';
import { zsh } from './zsh.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

const shells: Readonly<Record<Shell, (name: string, commands: readonly CompletedCommand[]) => string>> = {
  bash,
  zsh,
  fish,
};

/** Returns a script for a shell that completes all commands of a program, with their options and what those take. */
export function completionScript(program: Command, shell: Shell): string {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    options: command
      .createHelp()
      .visibleOptions(command)
      .flatMap((option) =>
        typeof option.long !== 'string'
          ? []
          : [
              {
                flag: option.long,
                description: option.description,
                takesValue: option.required || option.optional,
                values: option.argChoices ?? [],
              },
            ],
      ),
  }));
  return shells[shell](program.name(), commands);
}
