import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Message } from '@aws-sdk/client-sqs';
import { traceAws, tracedMessageHandler } from '@throughline/aws';
import { broker, endsOf, queueName } from './road.ts';
import type { OpenRoad, Queue } from './road.ts';

/** Two queues, which are polled. */
export const openSqs: OpenRoad = async (member) => {
  const { sender, receiver, sending } = endsOf(member, 'sqs');
  const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
  const sqs = new SQSClient({ endpoint: broker(), region: 'elasticmq', credentials });
  const out = sender(traceAws)(sqs, sending);
  const answers = sender(traceAws)(sqs, { ...sending, reply: true });
  // A polling client asks for what senders wrote; the handler opens the span.
  const into = receiver(traceAws)(sqs, member.options);
  const urls = await queueUrls(sqs);
  const stopped = new AbortController();
  let polling: Promise<void> | undefined;
  return {
    async send(texts) {
      const Entries = texts.map((MessageBody, at) => ({ Id: String(at), MessageBody }));
      await out.send(new SendMessageBatchCommand({ QueueUrl: urls[member.sends], Entries }));
    },
    async receive(handle) {
      const queue = urls[member.receives];
      const each = receiver(tracedMessageHandler)(
        async ({ Body = '', ReceiptHandle }: Message) => {
          const MessageBody = await handle(Body);
          if (MessageBody !== undefined)
            await answers.send(new SendMessageCommand({ QueueUrl: urls[member.sends], MessageBody }));
          await into.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle }));
        },
        { ...member.options, queue },
      );
      polling = (async () => {
        while (!stopped.signal.aborted) {
          // One at a time, so that the analysts share.
          const poll = new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 1, MaxNumberOfMessages: 1 });
          const { Messages = [] } = await into.send(poll);
          for (const message of Messages) await each(message);
        }
      })();
      polling.catch(() => {});
    },
    async close() {
      stopped.abort();
      await polling;
      if (member.sends === 'tasks') {
        for (const QueueUrl of Object.values(urls)) await sqs.send(new DeleteQueueCommand({ QueueUrl }));
      }
      sqs.destroy();
    },
  };
};

/** Makes the queues, or finds them: to make one that is there gives its address. */
async function queueUrls(sqs: SQSClient): Promise<Record<Queue, string>> {
  // A queue's name has no dots.
  const made = async (queue: Queue): Promise<string> => {
    const QueueName = queueName(queue).replaceAll('.', '-');
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName }));
    return QueueUrl;
  };
  return { tasks: await made('tasks'), results: await made('results') };
}
