import { CreateQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { connect } from '@nats-io/transport-node';
import { traceAws } from '@throughline/aws';
import { traceNats } from '@throughline/nats';
import { sqsClient } from '../sqs-client.ts';
import { setting } from '../stations.ts';
import type { Station } from '../stations.ts';

/** Answers requests over NATS, once it has put what they are about on a queue of SQS. */
export async function start(): Promise<Station> {
  const options = { agent: 'nats' };
  const sqs = traceAws(sqsClient(), options);
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'lookups' }));
  const nats = traceNats(await connect({ servers: setting('NATS_URL') }), options);
  const requests = nats.subscribe('plans', { queue: 'planners' });
  void (async () => {
    for await (const request of requests) {
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: request.string() }));
      request.respond('planned');
    }
  })();
  await nats.flush();
  return { stop: () => nats.drain() };
}
