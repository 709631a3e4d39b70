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

/** Runs `throughline collect` as a shell does; a signal of `signals` is sent to it each time that the command says it is ready. */
function collect(args: readonly string[], signals: readonly NodeJS.Signals[] = []): Promise<Ran> {
  return new Promise((resolve) => {
    const [command = '', ...rest] = [...node, file('../src/main.ts'), 'collect', ...args];
    const { GITHUB_ACTIONS: _, ...env } = process.env;
    const child = spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const left = [...signals];
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (chunk.includes('ready') && left.length > 0) child.kill(left.shift());
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
    expect(stdout).toMatch(/^sound: 1 chain, 1 trace, 2 services, 2 spans\n {2}longest: \d+ ms, of which /);
    expect(
      parseOtlpJson(readFileSync(output, 'utf8'))
        .spans.map(({ service }) => service)
        .sort(),
    ).toEqual(['gateway', 'planner']);
  });

  it('fails where the chain is broken, names the boundary, and keeps the spans', async () => {
    const output = join(folder, 'broken.jsonl');
    const { code, stdout } = await collect(['--output', output, ...system('broken')]);
    expect(code).toBe(1);
    expect(parseOtlpJson(readFileSync(output, 'utf8')).spans).toHaveLength(2);
    expect(stdout).toContain('gateway → planner over http /plan: planner started a root');
  });

  it('keeps the exit code of the command where that has failed', async () => {
    expect((await collect(system('whole', '7'))).code).toBe(7);
    expect((await collect(system('broken', '7'))).code).toBe(7);
  });

  it('cannot judge where nothing came, and where nothing ran', async () => {
    const unwritable = await collect(['--output', join(folder, 'no/such/folder'), ...node, '-e', 'console.log(1)']);
    expect([unwritable.code, unwritable.stdout]).toEqual([2, '']);
    const silent = await collect(['--', ...node, '-e', '0']);
    expect(silent.code).toBe(2);
    expect(silent.stdout).toContain('there are no spans to judge');
    const missing = await collect(['--', join(folder, 'no-such-command')]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('cannot be run: ');
    expect((await collect(['--settle', 'soon', '--', 'true'])).stderr).toContain('a whole number');
  });

  it('takes OTLP over gRPC', async () => {
    const { code, stdout } = await collect(system('whole', '0', 'grpc'));
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^sound: 1 chain, 1 trace, 2 services, 2 spans\n/)]);
  });

  it('passes a signal on, judges what came, and says as shells do what ended the command', async () => {
    const waits = "console.log('ready'); setInterval(() => {}, 1000)";
    const { code, stdout } = await collect(['--', ...node, '-e', waits], ['SIGTERM']);
    expect([code, stdout]).toEqual([128 + 15, expect.stringContaining('there are no spans to judge')]);
  });

  it('lets a command that takes a signal well end as it likes', async () => {
    const ends = "process.on('SIGINT', () => process.exit(5)); console.log('ready'); setInterval(() => {}, 1000)";
    expect((await collect(['--', ...node, '-e', ends], ['SIGINT'])).code).toBe(5);
  });

  it('ends all of the command at once at a second Ctrl-C, and keeps the spans', async () => {
    const output = join(folder, 'interrupted.jsonl');
    const deaf = "process.on('SIGINT', () => console.log('ready')); setInterval(() => {}, 1000);";
    const parent = `${deaf} const { pid } = require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(deaf)}]);
      console.log('pid', pid, 'ready')`;
    const { code, stdout, stderr } = await collect(
      ['--output', output, '--', ...node, '-e', parent],
      ['SIGINT', 'SIGINT'],
    );
    expect([code, stderr]).toEqual([130, 'throughline: ended at once, and nothing is judged\n']);
    const child = Number(/pid (?<pid>\d+)/.exec(stdout)?.groups?.['pid']);
    await expect.poll(() => isRunning(child)).toBe(false);
    expect(parseOtlpJson(readFileSync(output, 'utf8')).malformed).toBeUndefined();
  });

  it('ends the command at the time limit, and judges what came', async () => {
    const limited = await collect(['--time-limit', '1', '--', ...node, '-e', 'setInterval(() => {}, 1000)']);
    expect(limited.code).toBe(128 + 15);
    expect(limited.stderr).toMatch(/has not ended within 1 s, and is asked to$/m);
    expect(limited.stdout).toContain('there are no spans to judge');
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that nobody has waited for yet is over, too.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
