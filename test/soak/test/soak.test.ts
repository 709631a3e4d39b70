import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const run = fileURLToPath(new URL('../src/run.ts', import.meta.url));
const planted = fileURLToPath(new URL('./planted.ts', import.meta.url));

interface Ran {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function soak(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) =>
    execFile(process.execPath, [run, ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    ),
  );
}

// Each is a process that waits most of the time.
describe.concurrent('a fake adapter', { timeout: 60_000 }, () => {
  test('without a fault passes, and its line says what was seen', async ({ expect }) => {
    const { code, stdout } = await soak([planted, '--count', '1000']);
    expect(stdout).toMatch(
      /^planted: [\d,]+ requests · heap [\d.]+ → [\d.]+ MB · open spans 0 of [\d,]+ · crossings 0 · \d+ s\n$/,
    );
    expect(code).toBe(0);
  });

  test.for([
    ['leak', /FAULT: the heap grew by [\d.]+ MB, which is more than 4\.0/],
    ['open span', /open spans [1-9]\d* of .*\n.*FAULT: [1-9]\d* spans never ended/],
    ['span of another chain', /crossings [1-9]\d* .*\n.*FAULT: .* the span 'hop' of chain \w{32} is in trace \w{32}/],
    ['lost context', /crossings [1-9]\d* .*\n.*FAULT: .* the span 'hop' of chain undefined is in trace \w{32}/],
    [
      'handler of another chain',
      /crossings [1-9]\d* .*\n.*FAULT: .* handler: payload \w{32}, trace \w{32}, baggage \w{32}/,
    ],
    ['unhandled rejection', /FAULT: \d+ rejections that nobody handled, such as: Error: nobody cares/],
    ['other answer', /FAULT: \d+ times something came out otherwise than without us, such as: bare 200, traced 500/],
    ['error', /FAULT: Error: planted/],
    ['crash', /^planted.*: FAULT: its process ended with code 3/],
  ] as const)('with a planted fault fails: %s', async ([fault, says], { expect }) => {
    const { code, stdout } = await soak([planted], { PLANTED: fault });
    expect(stdout).toMatch(says);
    expect(stdout.match(/FAULT/g)).toHaveLength(1);
    expect(code).toBe(1);
  });

  test('that cannot run here is skipped by name', async ({ expect }) => {
    const { code, stdout } = await soak([planted], { PLANTED: 'skip' });
    expect(stdout).toMatch(/^planted: skipped: there is no fake today\n$/);
    expect(code).toBe(0);
  });
});

test.each([[['fetsh']], [['--hours', '1']], [['fetch', '--seconds', 'ten']]])(
  '%j is refused with the usage',
  async (args) => {
    const { code, stdout, stderr } = await soak(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/pnpm soak \[SCENARIO…\]/);
  },
);

test('a real adapter passes: fetch', { timeout: 60_000 }, async () => {
  const { code, stdout } = await soak(['fetch', '--count', '500']);
  expect(stdout).toMatch(/^fetch: [\d,]+ fetches, .* · open spans 0 of [\d,]+ · crossings 0 · \d+ s\n$/);
  expect(code).toBe(0);
});
