/** Tasks are sent, analysed by a function, and answered: planner and function are processes of their own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { startCollector } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { startLambda } from './lambda-service.ts';
import { newClient } from './queues.ts';

/** Resolves with the spans of both. */
export async function runTasks(endpoint: string, topics: readonly string[]): Promise<readonly CollectedSpan[]> {
  await using collector = asDisposable(await startCollector());
  const sqs = newClient(endpoint);
  const run = `${process.pid}-${Date.now().toString(36)}`;
  const newQueue = async (name: string): Promise<string> =>
    (await sqs.send(new CreateQueueCommand({ QueueName: `${name}-${run}` }))).QueueUrl ?? '';
  const tasks = await newQueue('tasks');
  const results = await newQueue('results');
  const env = {
    ...process.env,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    SQS_URL: endpoint,
    RESULTS_QUEUE: results,
  };
  {
    await using _lambda = await startLambda(sqs, tasks, topics.length, env);
    const planner = fork(new URL('./planner.ts', import.meta.url), [endpoint, tasks, results, ...topics], { env });
    const [code] = (await once(planner, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the planner ended with code ${code}`);
  }
  sqs.destroy();
  return collector.spans();
}

function asDisposable<C extends { close(): Promise<unknown> }>(collector: C): C & AsyncDisposable {
  return Object.assign(collector, { [Symbol.asyncDispose]: async () => void (await collector.close()) });
}
