/**
 * Stands for the service around a function: the Runtime API, and an event source mapping that polls a queue, invokes the function with
 * what is there, and deletes what its answer does not name. As AWS documents them, on loopback.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';

interface Invocation {
  readonly id: string;
  readonly event: SQSEvent;
  answered(response: SQSBatchResponse): void;
  failed(error: string): void;
}

/** Polls `queue` and invokes the function of `runtime.ts` with `batch` messages at a time, until it is disposed of. */
export async function startLambda(
  sqs: SQSClient,
  queue: string,
  batch: number,
  env: NodeJS.ProcessEnv,
): Promise<AsyncDisposable> {
  const waiting: ((invocation: Invocation) => void)[] = [];
  const ready: Invocation[] = [];
  const running = new Map<string, Invocation>();

  const server = createServer((req, res) => {
    const [, id = '', what] = /\/invocation\/([^/]+)\/?(\w*)$/.exec(req.url ?? '') ?? [];
    if (id === 'next') {
      const give = (invocation: Invocation): void => {
        running.set(invocation.id, invocation);
        res.setHeader('lambda-runtime-aws-request-id', invocation.id);
        res.setHeader('lambda-runtime-deadline-ms', Date.now() + 60_000);
        res.setHeader('lambda-runtime-invoked-function-arn', 'arn:aws:lambda:elasticmq:000000000000:function:analyst');
        res.end(JSON.stringify(invocation.event));
      };
      const first = ready.shift();
      if (first === undefined) waiting.push(give);
      else give(first);
      return;
    }
    let body = '';
    req.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    req.on('end', () => {
      if (what === 'response') running.get(id)?.answered(JSON.parse(body) as SQSBatchResponse);
      else running.get(id)?.failed(body);
      running.delete(id);
      res.writeHead(202).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const runtime = fork(new URL('./runtime.ts', import.meta.url), {
    env: { ...env, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`, AWS_LAMBDA_FUNCTION_NAME: 'analyst' },
  });

  const invoke = (event: SQSEvent): Promise<SQSBatchResponse> =>
    new Promise((answered, failed) => {
      const invocation = { id: randomUUID(), event, answered, failed: (error: string) => failed(new Error(error)) };
      const give = waiting.shift();
      if (give === undefined) ready.push(invocation);
      else give(invocation);
    });

  const over = new AbortController();
  const poll = async (): Promise<void> => {
    let held: Message[] = [];
    while (!over.signal.aborted) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queue,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: 1,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      held.push(...Messages);
      // As a batching window does.
      if (held.length < batch) continue;
      const { batchItemFailures } = await invoke({ Records: held.map((message) => recordOf(message, queue)) });
      const again = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { MessageId = '', ReceiptHandle } of held) {
        if (!again.has(MessageId)) await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle }));
      }
      held = [];
    }
  };
  const polling = poll();
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await polling;
      runtime.kill();
      if (runtime.exitCode === null && runtime.signalCode === null) await once(runtime, 'exit');
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A message as a record of an event: attributes in another letter case, bytes as text. */
function recordOf(
  { MessageId = '', ReceiptHandle = '', Body = '', Attributes, MessageAttributes = {} }: Message,
  queue: string,
): SQSRecord {
  const attributes = Object.entries(MessageAttributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
    name,
    {
      dataType: DataType,
      stringValue: StringValue,
      binaryValue: BinaryValue && Buffer.from(BinaryValue).toString('base64'),
    },
  ]);
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: Attributes as unknown as SQSRecord['attributes'],
    messageAttributes: Object.fromEntries(attributes) as SQSRecord['messageAttributes'],
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:elasticmq:000000000000:${queue.slice(queue.lastIndexOf('/') + 1)}`,
    awsRegion: 'elasticmq',
  };
}
