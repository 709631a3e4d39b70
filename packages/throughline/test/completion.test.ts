import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { run } from '../src/index.ts';

async function said(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  const output = { write: (more: string) => (text += more) };
  const code = await run(args, { stdin: process.stdin, stdout: output, stderr: output, env: {} });
  return { code, text };
}

/** What bash offers where the last of these words is being typed. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const { text } = await said('completion', 'bash');
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = `${text}\nCOMP_WORDS=(throughline ${quoted}); COMP_CWORD=${words.length}; _throughline; echo "\${COMPREPLY[*]}"`;
  return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).trim().split(' ');
}

describe('completion', () => {
  it('offers the commands, their options, and what those take, in bash', async () => {
    expect(await offered('c')).toEqual(['check', 'collect', 'completion']);
    expect(await offered('collect', '--time')).toEqual(['--time-limit']);
    expect(await offered('check', '--time')).toEqual(['']);
    expect(await offered('check', '--format', '')).toEqual(['text', 'json', 'junit', 'sarif']);
    expect(await offered('check', 'spans.json', '--fail-on', 'w')).toEqual(['warning']);
    expect(await offered('completion', 'f')).toEqual(['fish']);
    expect(await offered('collect', '--', 'node', '--')).toEqual(['']);
  });

  it('is there for zsh and fish, with every option', async () => {
    const [zsh, fish] = [await said('completion', 'zsh'), await said('completion', 'fish')];
    expect(zsh.text).toContain("'--format[of the report]:value:(text json junit sarif)'");
    expect(fish.text).toContain("-l format -d 'of the report' -x -a 'text json junit sarif'");
    const { text: help } = await said('check', '--help');
    for (const [flag = ''] of help.matchAll(/--[a-z-]+(?= )/g)) {
      expect(zsh.text).toContain(flag);
      expect(fish.text).toContain(`-l ${flag.slice(2)} `);
    }
  });

  it('knows no other shell', async () => {
    const { code, text } = await said('completion', 'tcsh');
    expect([code, text]).toEqual([2, expect.stringContaining('Allowed choices are bash, zsh, fish')]);
  });
});

describe('the command', () => {
  it('tells its version, which is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await said('--version')).toEqual({ code: 0, text: `${version}\n` });
  });

  it.each([['--help'], ['check', '--help'], ['collect', '--help'], ['completion', '--help']])(
    'has examples: %s %s',
    async (...args) => {
      expect(await said(...args)).toEqual({ code: 0, text: expect.stringContaining('\nExamples:\n  $ ') });
    },
  );
});
