import { serverAvailability } from '@throughline/servers';
import { describe, expect, test } from 'vitest';
import { startDemo } from './start-demo.ts';

const roads = [
  { over: 'rabbitmq', server: await serverAvailability('rabbitmq') },
  { over: 'nats', server: await serverAvailability('nats') },
  { over: 'bullmq', server: await serverAvailability('redis') },
  { over: 'sqs', server: await serverAvailability('sqs'), transport: 'aws_sqs', tasks: 'research-tasks' },
];

for (const { over, server, transport = over, tasks = 'research.tasks' } of roads) {
  describe.skipIf(server.missing)(`the desk over ${over}${server.note}`, { timeout: 240_000 }, () => {
    test('is the same tree, with the same verdict', async () => {
      const { code, output, progress } = await startDemo(['--over', over], {}).ended;
      expect(code, output + progress).toBe(0);
      expect(output).toMatch(/^sound: 1 chain, 1 trace, 5 services, \d+ spans$/m);
      const task = new RegExp(`─ ${transport} ${tasks} ──▶ analyst {2}CONSUMER process ${tasks}`, 'g');
      expect(output.match(task)).toHaveLength(3);
      const result = new RegExp(`─ ${transport} \\S+ ──▶ planner {2}CONSUMER process`, 'g');
      expect(output.match(result)).toHaveLength(3);
      // An answer is no new work, so nobody was asked by whom it had asked.
      expect(output).not.toMatch(/^[✗!]/m);
    });

    test('names its hop where that is broken', async () => {
      const { code, output, progress } = await startDemo(['--over', over, '--break', over], {}).ended;
      expect(code, output + progress).toBe(1);
      expect(output).toMatch(
        new RegExp(
          `^✗ planner → analyst over ${transport} ${tasks}: analyst started a root .* after planner sent to it, 3 times`,
          'm',
        ),
      );
    });
  });
}
