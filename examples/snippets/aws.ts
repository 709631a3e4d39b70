import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startSqs } from '@throughline/servers';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Message } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';

const telemetry = startTelemetry();
const server = await startSqs();
const config = {
  endpoint: server.url,
  region: 'elasticmq',
  credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
};
const handled: unknown[] = [];
const analyse = async (record: SQSRecord): Promise<void> =>
  void handled.push([record.body, trace.getActiveSpan()?.spanContext().traceId]);

// #region readme
import { runWith, traceAws, traceLambda } from '@throughline/aws';
import type { SQSEvent } from 'aws-lambda';

const sqs = traceAws(new SQSClient(config), { agent: 'planner' });
const handler = traceLambda(async (event: SQSEvent) => {
  await Promise.all(event.Records.map((record) => runWith(record, () => analyse(record))));
});
// #endregion

import assert from 'node:assert/strict';
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { trace } from '@opentelemetry/api';

const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: `tasks-${process.pid}` }));
const bodies = ['compare the plans', 'price them'];
await sqs.send(
  new SendMessageBatchCommand({ QueueUrl, Entries: bodies.map((MessageBody, at) => ({ Id: `${at}`, MessageBody })) }),
);
const messages: Message[] = [];
while (messages.length < bodies.length) {
  const received = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 }));
  messages.push(...(received.Messages ?? []));
}
// As Lambda hands them over.
const Records = messages.map(({ MessageId, Body, MessageAttributes = {} }) => ({
  messageId: MessageId,
  body: Body,
  messageAttributes: Object.fromEntries(
    Object.entries(MessageAttributes).map(([name, { DataType, StringValue }]) => [
      name,
      { dataType: DataType, stringValue: StringValue },
    ]),
  ),
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:elasticmq:000000000000:tasks',
}));
await (handler as (event: unknown, context: unknown) => Promise<void>)({ Records }, {});
const { traceId } = telemetry.find(`send tasks-${process.pid}`).spanContext();
assert.deepEqual(new Set(handled), new Set(bodies.map((body) => [body, traceId])));
sqs.destroy();
await server.stop();
await telemetry.shutdown();
console.log('each message of the batch is handled in the trace that sent it');
