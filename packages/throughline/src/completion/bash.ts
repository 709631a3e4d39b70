import type { CompletedCommand } from './completed-command.ts';

/** Returns the script for bash. What follows `--` is completed as a command line of its own, where bash-completion is there. */
export function bash(name: string, commands: readonly CompletedCommand[]): string {
  const values = commands.flatMap((command) =>
    command.options
      .filter(({ takesValue }) => takesValue)
      .map((option) => `    '${command.name} ${option.flag}') words='${option.values.join(' ')}' ;;`),
  );
  const options = commands.map((command) => {
    const flags = command.options.map(({ flag }) => flag).join(' ');
    return `    ${command.name}) [[ $cur == -* ]] && words='${flags}' || words='${command.words.join(' ')}' ;;`;
  });
  return `# completion of ${name} for bash
_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} words='' at
  COMPREPLY=()
  for ((at = 2; at < COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[at]} == -- ]]; then
      declare -F _command_offset > /dev/null && _command_offset $((at + 1))
      return
    fi
  done
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD - 1]}" in
${values.join('\n')}
    *) case "\${COMP_WORDS[1]}" in
${options.join('\n')}
    esac ;;
  esac
  ((COMP_CWORD == 1)) && words='${commands.map((command) => command.name).join(' ')}'
  [[ -z $words ]] || COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _${name} ${name}
`;
}
