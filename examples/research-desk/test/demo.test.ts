import { readFileSync } from 'node:fs';
import { startKafka } from '@throughline/servers';
import type { RunningKafka } from '@throughline/servers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { REPOSITORY, startDemo } from './start-demo.ts';

const DEADLINE = 120_000;

describe('the demo', { timeout: DEADLINE }, () => {
  let kafka: RunningKafka;
  let shared: Record<string, string>;
  beforeAll(async () => {
    kafka = await startKafka();
    shared = { KAFKA_BROKERS: kafka.brokers.join() };
  });
  afterAll(() => kafka?.stop());

  test('on a broker of its own answers, and shows one whole trace through every agent and tool', async () => {
    const done = await startDemo([], {}).ended;
    expect(done).toMatchObject({ code: 0 });
    const { output, progress } = done;
    const [, spans] = /^sound: 1 chain, 1 trace, 5 services, (\d+) spans$/m.exec(output) ?? [];
    expect(Number(spans)).toBeGreaterThanOrEqual(30);
    expect(output.match(/^trace [0-9a-f]{32}$/gm)).toHaveLength(1);
    for (const hop of [
      /─ http ──▶ planner {2}SERVER POST \/plans/,
      /─ kafka research\.tasks ──▶ analyst {2}CONSUMER process research\.tasks/,
      /─ mcp http ──▶ library {2}SERVER tools\/call search/,
      /─ mcp stdio ──▶ reader {2}SERVER tools\/call read_passage/,
      /─ kafka research\.results ──▶ planner {2}CONSUMER process research\.results/,
      /─ analyst {2}INTERNAL invoke_agent analyst-\d/,
      /─ analyst {2}INTERNAL execute_tool search/,
      /─ analyst {2}CLIENT chat desk-1/,
    ]) {
      expect(output).toMatch(hop);
    }
    expect(output.match(/CONSUMER process research\.tasks/g)).toHaveLength(3);
    expect(pidsOf(progress).filter(isAlive)).toEqual([]);
  });

  test('shares the tasks out among both analysts', async () => {
    const done = await startDemo([], shared).ended;
    expect(done, done.output + done.progress).toMatchObject({ code: 0 });
    expect(done.progress).toMatch(/analyst-1 +takes the/);
    expect(done.progress).toMatch(/analyst-2 +takes the/);
  });

  test('answers a question of the command line with passages that stand where it says', async () => {
    const done = await startDemo(['what', 'is', 'an', 'orphan?'], shared).ended;
    expect(done).toMatchObject({ code: 0 });
    expect(done.output).toContain('what is an orphan?');
    const sources = [...done.output.matchAll(/^ {4}— (\S+):(\d+) \((.*)\)$/gm)].map(([, file = '', line, heading]) => {
      const lines = readFileSync(new URL(file, `file://${REPOSITORY}`), 'utf8').split('\n');
      return { file, line, said: [heading, ...lines.slice(Number(line) - 1, Number(line) + 3)].join(' ') };
    });
    expect(sources).not.toEqual([]);
    expect(sources.filter(({ said }) => !/orphan/i.test(said))).toEqual([]);
  });

  test('--break drops the context of a hop, and that boundary is named, with what it costs', async () => {
    const { code, output } = await startDemo(['--break', 'kafka'], shared).ended;
    expect(code).toBe(1);
    const told = output.split('\n').filter((line) => line.startsWith('✗'));
    expect(told).toEqual([
      expect.stringMatching(
        /^✗ planner → analyst over kafka research\.tasks\S*: analyst started a root -?\d+ m?s after planner sent to it, 3 times;/,
      ),
      '✗ 4 traces were found where one was expected',
    ]);
    expect(output).toMatch(/^broken: 4 chains, 4 traces, 5 services, \d+ spans$/m);
  });

  test.each([
    ['wrong', /invoke_agent analyst-\d .*\(not_grounded\)/],
    ['cut-off', /chat desk-1 .*\(mostly \w+, .*, answer_cut_off\)/],
    ['busy-provider', /invoke_agent analyst-\d .*\(ok after retries\)[^]*chat desk-1 .*, 2 attempts,/],
  ])('--model %s is sound, and the tree says what went wrong', async (mood, seen) => {
    const { code, output, progress } = await startDemo(['--model', mood], shared).ended;
    expect(code, output + progress).toBe(0);
    expect(output).toMatch(seen);
    expect(output).toMatch(/^ {2}tokens: gateway none of its own; with all below 18300 in, 240 out, 3 calls/m);
  });

  test('--model failing has no answer, and the failed calls are shown', async () => {
    const { code, output } = await startDemo(['--model', 'failing'], shared).ended;
    expect(code).toBe(1);
    expect(output).toMatch(/^No answer: analyst-\d could not do \w+: 500 The engine is overloaded/m);
    expect(output).toMatch(/chat desk-1 .*\(mostly retries, 3 attempts.*\) {2}ERROR 500/);
  });

  test('--model takes no other', async () => {
    const { code, progress } = await startDemo(['--model', 'nice'], shared).ended;
    expect(code).toBe(1);
    expect(progress).toMatch(/^--model takes well, long-prompt, .*failing, not nice\n$/);
  });

  test('--over takes no other', async () => {
    const { code, progress } = await startDemo(['--over', 'pigeon'], shared).ended;
    expect(code).toBe(1);
    expect(progress).toBe('--over takes kafka, rabbitmq, nats, bullmq, sqs, not pigeon\n');
  });

  test('--break takes no other', async () => {
    const { code, progress } = await startDemo(['--break', 'amqp'], shared).ended;
    expect(code).toBe(1);
    expect(progress).toMatch(/^--break takes http, http-sender, .*killed-library, not amqp\n$/);
  });

  test('says what is missing when a question has no word to look for', async () => {
    const { code, output } = await startDemo(['what', 'is', 'it?'], shared).ended;
    expect(code).toBe(1);
    expect(output).toContain('No answer: There is no word to look for in: what is it?');
  });

  test('names the agent that dies, and leaves nothing behind', async () => {
    const demo = startDemo([], shared);
    const planner = await vi.waitFor(() => readyPid(demo.progress(), 'planner'), { timeout: 60_000, interval: 20 });
    process.kill(planner, 'SIGKILL');
    const { code, output, progress } = await demo.ended;
    expect(code).toBe(1);
    expect(output).toBe('');
    expect(progress).toContain('planner ended by SIGKILL');
    expect(pidsOf(progress).filter(isAlive)).toEqual([]);
  });

  test('stops everything on Ctrl-C', async () => {
    const demo = startDemo([], shared);
    await vi.waitFor(() => readyPid(demo.progress(), 'analyst-1'), { timeout: 60_000, interval: 20 });
    process.kill(demo.pid, 'SIGINT');
    const { code, progress } = await demo.ended;
    expect(code).toBe(130);
    await vi.waitFor(() => expect(pidsOf(progress).filter(isAlive)).toEqual([]), { timeout: 60_000 });
  });
});

function readyPid(progress: string, name: string): number {
  const match = new RegExp(`${name} +is ready, process (\\d+)`).exec(progress);
  if (match === null) throw new Error(`${name} is not ready: ${progress}`);
  return Number(match[1]);
}

function pidsOf(progress: string): number[] {
  return [...progress.matchAll(/is ready, process (\d+)/g)].map(([, pid]) => Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
