import { createRequire } from 'node:module';
import type * as Sqs from '@aws-sdk/client-sqs';
import type { MessageAttributeValue, SQSClient } from '@aws-sdk/client-sqs';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { AwsInstrumentation } from '@opentelemetry/instrumentation-aws-sdk';
import { traceAws, tracedMessageHandler } from '@throughline/aws';
import { startFeeder } from './feeder.ts';
import { handledAsync, sent } from './hand-written.ts';
import type { HandWritten } from './hand-written.ts';
import { asked, byPromise, serve } from './operations.ts';
import type { Operations } from './operations.ts';
import { sqsConfig } from './sqs-config.ts';
import type { QueueVariant } from './variant.ts';

const SENT_AT_ONCE = 10;
/** As many as one batch takes. */
const RECEIVED_AT_ONCE = 10;

const started = asked();
const { variants, task, url, telemetry } = started;
if (variants.includes('peer')) {
  registerInstrumentations({ tracerProvider: telemetry.provider, instrumentations: [new AwsInstrumentation()] });
}
// Loaded by `require` and after the instrumentation, which is how it gets to patch it.
const sqs = createRequire(import.meta.url)('@aws-sdk/client-sqs') as typeof Sqs;
const bare = new sqs.SQSClient(sqsConfig(url));
const feeder = startFeeder('sqs', url);
const queues: string[] = [];
const MessageBody = 'x'.repeat(1024);

await serve(started, task === 'send' ? sending : receiving, async () => {
  feeder.stop();
  for (const QueueUrl of queues) await bare.send(new sqs.DeleteQueueCommand({ QueueUrl }));
  bare.destroy();
});

interface Place {
  readonly client: SQSClient;
  readonly QueueUrl: string;
  readonly by: HandWritten;
}

async function placeOf(variant: QueueVariant): Promise<Place> {
  const QueueName = `tasks-${variant}-${process.pid}`;
  // Nothing comes a second time before it is purged.
  const Attributes = { VisibilityTimeout: '3600' };
  const { QueueUrl = '' } = await bare.send(new sqs.CreateQueueCommand({ QueueName, Attributes }));
  queues.push(QueueUrl);
  const by: HandWritten = { tracer: telemetry.tracer, system: 'aws_sqs', destination: QueueName };
  return { client: variant === 'ours' ? traceAws(bare) : bare, QueueUrl, by };
}

async function sending(variant: QueueVariant): Promise<Operations> {
  const { client, QueueUrl, by } = await placeOf(variant);
  if (variant !== 'hand-written') {
    return byPromise(SENT_AT_ONCE, () => client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody })));
  }
  return byPromise(SENT_AT_ONCE, () =>
    sent(
      by,
      async (fields, span) => {
        const MessageAttributes: Record<string, MessageAttributeValue> = {};
        for (const [name, StringValue] of Object.entries(fields)) {
          MessageAttributes[name] = { DataType: 'String', StringValue };
        }
        const command = new sqs.SendMessageCommand({ QueueUrl, MessageBody, MessageAttributes });
        const { MessageId } = await client.send(command);
        if (MessageId !== undefined) span.setAttribute('messaging.message.id', MessageId);
      },
      { 'aws.sqs.queue.url': QueueUrl },
    ),
  );
}

async function receiving(variant: QueueVariant): Promise<Operations> {
  const { client, QueueUrl, by } = await placeOf(variant);
  const handler = handlerOf(variant, QueueUrl, by);
  const receive = {
    QueueUrl,
    MaxNumberOfMessages: RECEIVED_AT_ONCE,
    WaitTimeSeconds: 5,
    ...(variant === 'hand-written' ? { MessageAttributeNames: ['traceparent', 'tracestate', 'baggage'] } : undefined),
  };
  return async (count) => {
    for (let left = count; left > 0;) {
      const fed = Math.min(left, RECEIVED_AT_ONCE);
      feeder.feed({ destination: QueueUrl, count: fed });
      for (let unhandled = fed; unhandled > 0;) {
        const { Messages = [] } = await client.send(new sqs.ReceiveMessageCommand(receive));
        for (const message of Messages) await handler(message);
        unhandled -= Messages.length;
      }
      left -= fed;
    }
    // In one go, and by the bare client: spans of settling are another comparison.
    await bare.send(new sqs.PurgeQueueCommand({ QueueUrl }));
  };
}

function handlerOf(variant: QueueVariant, queue: string, by: HandWritten): (message: Sqs.Message) => Promise<void> {
  const handle = (): Promise<void> => Promise.resolve();
  switch (variant) {
    case 'ours':
      return tracedMessageHandler(handle, { queue });
    case 'hand-written':
      return ({ MessageAttributes: carrier = {}, MessageId }) =>
        handledAsync(by, { carrier, getter, more: { 'messaging.message.id': MessageId } }, handle);
    default:
      return handle;
  }
}

const getter = {
  keys: (attributes: Record<string, MessageAttributeValue>) => Object.keys(attributes),
  get: (attributes: Record<string, MessageAttributeValue>, name: string) => attributes[name]?.StringValue,
};
