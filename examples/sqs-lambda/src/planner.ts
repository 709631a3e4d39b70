/** The agent that asks: sends tasks in one call, and waits for what becomes of them. */
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import type { Message } from '@aws-sdk/client-sqs';
import { trace } from '@opentelemetry/api';
import { traceAws, tracedMessageHandler } from '@throughline/aws';
import { newClient } from './queues.ts';
import { startTelemetry } from './telemetry.ts';

const [endpoint = '', tasks = '', results = '', ...topics] = process.argv.slice(2);
const telemetry = startTelemetry('planner');
const sqs = traceAws(newClient(endpoint), { agent: 'planner' });

await trace.getTracer('planner').startActiveSpan('plan', async (span) => {
  const Entries = topics.map((MessageBody, at) => ({ Id: `task-${at}`, MessageBody }));
  await sqs.send(new SendMessageBatchCommand({ QueueUrl: tasks, Entries }));
  span.end();
});

const read = tracedMessageHandler(
  async (message: Message) => {
    await sqs.send(new DeleteMessageCommand({ QueueUrl: results, ReceiptHandle: message.ReceiptHandle }));
  },
  { agent: 'planner', queue: results },
);
for (let left = topics.length; left > 0;) {
  const received = await sqs.send(new ReceiveMessageCommand({ QueueUrl: results, WaitTimeSeconds: 5 }));
  for (const message of received.Messages ?? []) {
    await read(message);
    left--;
  }
}
await telemetry.shutdown();
