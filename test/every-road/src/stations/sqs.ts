import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { Message } from '@aws-sdk/client-sqs';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { traceAws, tracedMessageHandler } from '@throughline/aws';
import { traceClient } from '@throughline/mcp';
import { setting } from '../stations.ts';
import type { Station } from '../stations.ts';
import { sqsClient } from '../sqs-client.ts';

/** Polls its queue, and calls a tool over MCP for each message. */
export async function start(): Promise<Station> {
  const options = { agent: 'sqs' };
  const sqs = traceAws(sqsClient(), options);
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'lookups' }));
  const lookUp = tracedMessageHandler(
    async ({ Body = '', ReceiptHandle }: Message) => {
      const client = traceClient(new Client({ name: 'sqs', version: '1.0.0' }), options);
      await client.connect(new StreamableHTTPClientTransport(new URL(setting('TOOLS_URL'))));
      await client.callTool({ name: 'look_up', arguments: { text: Body } });
      await client.close();
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    },
    { ...options, queue: QueueUrl ?? '' },
  );
  let stopped = false;
  const polling = (async () => {
    while (!stopped) {
      const poll = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10 });
      const { Messages = [] } = await sqs.send(poll);
      await Promise.all(Messages.map((message) => lookUp(message)));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await polling;
      sqs.destroy();
    },
  };
}
