/** The function: analyses what is in the queue, and answers into another one. Its bundle would be all that runs in Lambda. */
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { runWith, traceAws, traceLambda } from '@throughline/aws';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { newClient } from './queues.ts';
import { startTelemetry } from './telemetry.ts';

startTelemetry('analyst');
const { SQS_URL = '', RESULTS_QUEUE } = process.env;
const sqs = traceAws(newClient(SQS_URL), { agent: 'analyst', reply: true });

const analyse = (record: SQSRecord): Promise<unknown> =>
  sqs.send(new SendMessageCommand({ QueueUrl: RESULTS_QUEUE, MessageBody: `${record.body} is fine` }));

export const handler = traceLambda(
  async (event: SQSEvent): Promise<SQSBatchResponse> => {
    await Promise.all(event.Records.map((record) => runWith(record, () => analyse(record))));
    return { batchItemFailures: [] };
  },
  { agent: 'analyst', batchItemFailures: true },
);
