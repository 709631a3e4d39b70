/** A planner asks, an analyst answers what it can, and a senior answers what the analyst rejects: each a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import amqplib from 'amqplib';

export const services = ['planner', 'analyst', 'senior'];

/** Resolves with the spans of all three. */
export async function runDesk(url: string): Promise<readonly CollectedSpan[]> {
  const connection = await amqplib.connect(url);
  const channel = await connection.createChannel();
  // What the analyst rejects goes to the senior.
  await channel.assertQueue('hard-tasks');
  await channel.assertQueue('tasks', { deadLetterExchange: '', deadLetterRoutingKey: 'hard-tasks' });
  await connection.close();
  const collector = await startCollector();
  const run = async (program: string, ...args: readonly string[]): Promise<void> => {
    const child = fork(new URL(program, import.meta.url), args, {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${program} ended with code ${code}`);
  };
  try {
    await Promise.all([
      run('./worker.ts', url, 'analyst', 'tasks', '2'),
      run('./worker.ts', url, 'senior', 'hard-tasks', '1'),
      run('./planner.ts', url, 'compare the plans', 'a hard one'),
    ]);
    return collector.spans();
  } finally {
    await collector.close();
  }
}
