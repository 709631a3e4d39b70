import type { CompletedCommand, CompletedOption } from './completed-command.ts';

/** Returns the script for zsh. */
export function zsh(name: string, commands: readonly CompletedCommand[]): string {
  const described = commands.map((command) => `    ${quoted(`${command.name}:${command.description}`)}`);
  const cases = commands.map((command) => {
    const rest = command.words.length > 0 ? `*:word:(${command.words.join(' ')})` : '*:file:_files';
    const specs = [...command.options.map(specOf), rest].map((spec) => `      ${quoted(spec)}`);
    return `    ${command.name}) _arguments \\\n${specs.join(' \\\n')} ;;`;
  });
  return `#compdef ${name}
# completion of ${name} for zsh
_${name}() {
  local -a commands=(
${described.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local dashes=\${words[(i)--]}
  if ((dashes < CURRENT)); then
    shift $dashes words
    ((CURRENT -= dashes))
    _normal
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
compdef _${name} ${name}
`;
}

function specOf({ flag, description, takesValue, values }: CompletedOption): string {
  const told = `${flag}[${description.replaceAll(/[[\]:\\]/g, '\\$&')}]`;
  if (!takesValue) return told;
  return `${told}:value:${values.length > 0 ? `(${values.join(' ')})` : '_files'}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
