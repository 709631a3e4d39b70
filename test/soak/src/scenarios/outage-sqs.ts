import { setImmediate, setTimeout } from 'node:timers/promises';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Message } from '@aws-sdk/client-sqs';
import { traceAws, tracedMessageHandler } from '@throughline/aws';
import { startSqs } from '@throughline/servers';
import { options } from '../options.ts';
import { ACKNOWLEDGED, outageScenario } from '../outage.ts';
import type { Ends, Outcome, Side } from '../outage.ts';
import type { Scenario } from '../scenario.ts';
import { startServer } from '../server.ts';

/** SQS as ElasticMQ serves it: batches of ten, received and deleted. */
export const scenario: Scenario = outageScenario({
  name: 'outage-sqs',
  async start() {
    const broker = await startServer('sqs', startSqs);
    return { broker, connect: (side) => connect(broker.url, side) };
  },
  atKill: ['TimeoutError ECONNRESET', 'TimeoutError EPIPE', 'Error EPIPE', 'Error ECONNRESET'],
});

/** As many as SQS takes. */
const BATCH = 10;
const READERS = 4;
/** Seconds after which what was received and not deleted comes again. */
const VISIBILITY = '5';

async function connect(endpoint: string, side: Side): Promise<Ends> {
  const bare = new SQSClient({
    endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'soak', secretAccessKey: 'soak' },
    maxAttempts: 1,
  });
  const isTraced = side.name === 'traced';
  const client = isTraced ? traceAws(bare, options) : bare;
  const { QueueUrl = '' } = await client.send(
    new CreateQueueCommand({ QueueName: side.name, Attributes: { VisibilityTimeout: VISIBILITY } }),
  );
  const handleOne = async ({ Body = '{}' }: Message): Promise<void> => {
    const { chain, key } = JSON.parse(Body) as { chain: string; key: string };
    side.here(chain, 'handler');
    await setImmediate();
    side.here(chain, 'handler that waited');
    side.arrived(key);
  };
  const handle = isTraced ? tracedMessageHandler(handleOne, { ...options, queue: QueueUrl }) : handleOne;

  const over = new AbortController();
  const read = async (): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: BATCH, WaitTimeSeconds: 1 }),
          { abortSignal: over.signal },
        );
        if (Messages.length === 0) continue;
        await Promise.all(Messages.map(handle));
        const Entries = Messages.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      } catch {
        await setTimeout(100);
      }
    }
  };
  const readers = Array.from({ length: READERS }, read);

  const sendBatch = async (keys: readonly string[], chain: string): Promise<Outcome[]> => {
    try {
      const Entries = keys.map((key, at) => ({ Id: String(at), MessageBody: JSON.stringify({ chain, key }) }));
      const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      side.here(chain, 'sender');
      return keys.map((_, at) => Failed.find(({ Id }) => Id === String(at))?.Code ?? ACKNOWLEDGED);
    } catch (error) {
      side.here(chain, 'sender that failed');
      return keys.map(() => outcomeOf(error));
    }
  };
  return {
    send: (keys) =>
      side.chain(async (chain) => {
        const batches = Array.from({ length: keys.length / BATCH }, (_, at) =>
          keys.slice(at * BATCH, (at + 1) * BATCH),
        );
        return (await Promise.all(batches.map((batch) => sendBatch(batch, chain)))).flat();
      }),
    async stop() {
      over.abort();
      await Promise.all(readers);
      client.destroy();
    },
  };
}

function outcomeOf(error: unknown): Outcome {
  const { name, code } = error as Error & { code?: unknown };
  return `${name} ${String(code)}`;
}
