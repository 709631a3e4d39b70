import { Argument } from 'commander';
import type { Shell } from '../completion/script.ts';
import type { Register } from './command.ts';

export const registerCompletion: Register = (program, { stdout }, exit) => {
  program
    .command('completion')
    .description('Writes a script that completes this command in a shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', examples)
    .action(async (shell: Shell) => {
      const { completionScript } = await import('../completion/script.ts');
      stdout.write(completionScript(program, shell));
      exit(0);
    });
};

const examples = `
Examples:
  $ source <(throughline completion bash)       # in ~/.bashrc
  $ source <(throughline completion zsh)        # in ~/.zshrc, after compinit
  $ throughline completion fish > ~/.config/fish/completions/throughline.fish`;
