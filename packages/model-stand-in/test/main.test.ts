import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import OpenAI from 'openai';

const program = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const running = new Set<ReturnType<typeof spawn>>();
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

function start(...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

async function clientOf(...args: string[]) {
  const child = start(...args);
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  return {
    child,
    ask: () => openai.responses.create({ model: 'gpt', input: 'Hello?' }),
  };
}

describe('the program', () => {
  it('prints its URL, answers, and ends when it is told to', async () => {
    const { child, ask } = await clientOf('--text', 'Here I am.', '--model', 'another-one');
    expect(await ask()).toMatchObject({ output_text: 'Here I am.', model: 'another-one' });
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    expect(await closed).toEqual([0, null]);
  });

  it('makes every third call slow, with a cold cache', async () => {
    const { ask } = await clientOf('--slow', 'cold-cache', '--ms', '5', '--every', '3');
    const cached: (number | undefined)[] = [];
    for (let call = 0; call < 6; call++) cached.push((await ask()).usage?.input_tokens_details.cached_tokens);
    expect(cached).toEqual([6016, 6016, 0, 6016, 6016, 0]);
  });

  it('fails twice, and then answers', async () => {
    const { ask } = await clientOf('--fail', '503', '--retry-after', '0', '--times', '2');
    await expect(ask()).rejects.toMatchObject({ status: 503 });
    await expect(ask()).rejects.toMatchObject({ status: 503 });
    expect((await ask()).status).toBe('completed');
  });

  it.each([
    [['--slow', 'tired'], /--slow tired: give one of long-prompt/],
    [['--fail', '200'], /--fail 200: give a status/],
    [['--every', '0'], /--every 0: give a number from 1/],
    [['--unknown'], /Unknown option '--unknown'/],
  ])('does not start with %j', async (args, message) => {
    const child = start(...args);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(2);
    expect(said).toMatch(message);
  });
});
