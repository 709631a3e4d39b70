import type { CompletedCommand } from './completed-command.ts';

/** Returns the script for fish. */
export function fish(name: string, commands: readonly CompletedCommand[]): string {
  const names = commands.map((command) => command.name).join(' ');
  const lines = commands.flatMap((command) => {
    const after = `complete -c ${name} -n '__fish_seen_subcommand_from ${command.name}'`;
    return [
      `complete -c ${name} -f -n 'not __fish_seen_subcommand_from ${names}' -a ${command.name} -d ${quoted(command.description)}`,
      ...command.options.map(({ flag, description, takesValue, values }) => {
        const long = `${after} -l ${flag.replace(/^--/, '')} -d ${quoted(description)}`;
        if (!takesValue) return long;
        return values.length > 0 ? `${long} -x -a '${values.join(' ')}'` : `${long} -r`;
      }),
      ...(command.words.length > 0 ? [`${after} -f -a '${command.words.join(' ')}'`] : []),
    ];
  });
  return `# completion of ${name} for fish\n${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
