import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { crew } from '../src/processes.ts';
import type { Crew, CrewOptions } from '../src/processes.ts';

const agent = (name: string): URL => new URL(`./agents/${name}.ts`, import.meta.url);

describe('a crew', () => {
  const said: string[] = [];
  let agents: Crew | undefined;
  const start = (options: CrewOptions = {}): Crew =>
    (agents = crew({ onSays: (name, text) => said.push(`${name} ${text}`), ...options }));
  const pid = (): number => Number(/process (\d+)/.exec(said.at(-1) ?? '')?.[1]);
  afterEach(async () => {
    await agents?.kill();
    said.length = 0;
  });

  test('resolves a start when the agent says that it is ready, and stops it in good order', async () => {
    const { start: startAgent, dismiss } = start();
    expect(await startAgent('obedient', agent('obedient'), {})).toBe('http://127.0.0.1:1');
    expect(said).toEqual(['obedient is here', expect.stringMatching(/^obedient is ready, process \d+$/)]);
    expect(await dismiss()).toEqual([]);
    expect(isAlive(pid())).toBe(false);
  });

  test('names an agent that ends by itself, with how it ended and its last words', async () => {
    const { start: startAgent, loss } = start();
    await startAgent('dying', agent('dying'), {});
    process.kill(pid(), 'SIGUSR2');
    await expect(loss).rejects.toThrow(/^dying ended with code 3\n {4}out of paper$/);
  });

  test('rejects the start of an agent that ends before it is ready', async () => {
    await expect(start().start('absent', agent('absent'), {})).rejects.toThrow(
      /^absent ended with code 1\n[^]*absent\.ts/,
    );
  });

  test('rejects the start of an agent that is not ready in time', async () => {
    const starting = start({ readyWithin: 300 }).start('slow', agent('stubborn'), { NEVER_READY: 'yes' });
    await expect(starting).rejects.toThrow('slow was not ready within 300 ms');
  });

  test('kills an agent that does not stop when asked, and says so', async () => {
    const { start: startAgent, dismiss } = start({ stopWithin: 300 });
    await startAgent('stubborn', agent('stubborn'), {});
    expect(await dismiss()).toEqual([expect.stringMatching(/^stubborn did not stop as asked.*\n {4}no$/)]);
    expect(isAlive(pid())).toBe(false);
  });

  test('does not outlive a starter that is killed outright', async () => {
    const starter = spawn(process.execPath, [fileURLToPath(agent('starter'))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pids: number[] = [];
    for await (const line of createInterface({ input: starter.stdout })) {
      const match = /process (\d+)/.exec(line);
      if (match !== null) pids.push(Number(match[1]));
      if (line === 'all are ready') starter.kill('SIGKILL');
    }
    expect(pids).toHaveLength(2);
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 60_000, interval: 50 });
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
