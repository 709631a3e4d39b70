import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseOtlpJson } from '@throughline/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const node = [process.execPath, '--no-warnings'];

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `throughline collect` as a shell does; `signal` is sent to it once the command says that it is ready. */
function collect(args: readonly string[], signal?: NodeJS.Signals): Promise<Ran> {
  return new Promise((resolve) => {
    const [command = '', ...rest] = [...node, file('../src/main.ts'), 'collect', '--settle', '200', ...args];
    const { GITHUB_ACTIONS: _, ...env } = process.env;
    const child = spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (signal !== undefined && chunk.includes('ready')) child.kill(signal);
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const system = (...args: string[]): string[] => ['--', ...node, file('./programs.ts'), ...args];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-collect-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('throughline collect', () => {
  it('judges what the command exports, and keeps it on request', async () => {
    const output = join(folder, 'spans.jsonl');
    const { code, stdout, stderr } = await collect(['--output', output, ...system('whole')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe('sound: 1 chain, 1 trace, 2 services, 2 spans\n');
    expect(
      parseOtlpJson(readFileSync(output, 'utf8'))
        .spans.map(({ service }) => service)
        .sort(),
    ).toEqual(['gateway', 'planner']);
  });

  it('fails where the chain is broken, and names the boundary', async () => {
    const { code, stdout } = await collect(system('broken'));
    expect(code).toBe(1);
    expect(stdout).toContain('gateway → planner over http /plan: planner started a root');
  });

  it('keeps the exit code of the command where that has failed', async () => {
    expect((await collect(system('whole', '7'))).code).toBe(7);
    expect((await collect(system('broken', '7'))).code).toBe(7);
  });

  it('cannot judge where nothing came, and where nothing ran', async () => {
    const silent = await collect(['--', ...node, '-e', '0']);
    expect(silent.code).toBe(2);
    expect(silent.stdout).toContain('there are no spans to judge');
    const missing = await collect(['--', join(folder, 'no-such-command')]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('cannot be run: ');
    expect((await collect(['--settle', 'soon', '--', 'true'])).stderr).toContain('a whole number of milliseconds');
  });

  it('passes a signal on, and says as shells do what ended the command', async () => {
    const waits = "console.log('ready'); setInterval(() => {}, 1000)";
    expect((await collect(['--', ...node, '-e', waits], 'SIGTERM')).code).toBe(128 + 15);
  });
});
