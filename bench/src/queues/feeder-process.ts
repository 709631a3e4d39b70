import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { headers } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import amqplib from 'amqplib';
import { Queue } from 'bullmq';
import type { FeederSystem, Order } from './feeder.ts';
import { redisAt } from './redis-at.ts';
import { sqsConfig } from './sqs-config.ts';
import { traceparent } from './traceparent.ts';

type Send = (order: Order) => unknown;

const senders: Readonly<Record<FeederSystem, (url: string) => Promise<Send>>> = {
  async amqplib(url) {
    const channel = await (await amqplib.connect(url)).createChannel();
    return each((queue) => channel.sendToQueue(queue, Buffer.from(text), { headers: { type: 'text', traceparent } }));
  },
  async nats(servers) {
    const connection = await connect({ servers });
    const fields = headers();
    fields.set('traceparent', traceparent);
    return each((subject) => connection.publish(subject, text, { headers: fields }));
  },
  async bullmq(url) {
    // Where a hand-written tracer reads it, and where BullMQ's Telemetry does.
    const job = {
      name: 'task',
      data: { text, traceparent },
      opts: { telemetry: { metadata: JSON.stringify({ traceparent }) } },
    };
    const queues = new Map<string, Queue>();
    return ({ destination, count }) => {
      const queue = queues.get(destination) ?? new Queue(destination, { connection: redisAt(url) });
      queues.set(destination, queue);
      return queue.addBulk(Array.from({ length: count }, () => job));
    };
  },
  async sqs(url) {
    const client = new SQSClient(sqsConfig(url));
    const MessageAttributes = { traceparent: { DataType: 'String', StringValue: traceparent } };
    return ({ destination, count }) => {
      const Entries = Array.from({ length: count }, (_, at) => ({ Id: `${at}`, MessageBody: text, MessageAttributes }));
      return client.send(new SendMessageBatchCommand({ QueueUrl: destination, Entries }));
    };
  },
};
const text = 'x'.repeat(1024);

const [system = 'amqplib', url = ''] = process.argv.slice(2) as [FeederSystem?, string?];
const started = senders[system](url);
process.on('message', (order: Order) => void started.then((send) => send(order)));
process.once('disconnect', () => process.exit(0));

function each(sendOne: (destination: string) => void): Send {
  return ({ destination, count }) => {
    for (let nth = 0; nth < count; nth++) sendOne(destination);
  };
}
